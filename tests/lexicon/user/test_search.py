"""Finding strings in texts: with and without an automaton, the occurrences are the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.lexicon.user.patterns import FOLDING, FoldedText, pattern
from ner_runtime.lexicon.user.search import Search

ANY = st.text(st.sampled_from("京东大学aA1· "), min_size=1, max_size=6)


def occurrences(search: Search, text: FoldedText) -> list[tuple[int, int, int]]:
    return list(search.find(text))


def test_of_the_occurrences_that_overlap_the_leftmost_longest_one_counts() -> None:
    search = Search(["北京", "北京大学", "大学", "大学生"], FOLDING)
    assert occurrences(search, FoldedText("北京大学生")) == [(1, 0, 4)]
    assert occurrences(search, FoldedText("大学生大学")) == [(3, 0, 3), (2, 3, 5)]


@given(st.sets(ANY, min_size=1, max_size=12), st.lists(ANY, max_size=12).map("".join))
def test_an_automaton_finds_the_same(strings: set[str], text: str) -> None:
    patterns = sorted({pattern(string) for string in strings})
    folded = FoldedText(text)
    scanned, automaton = Search(patterns, FOLDING), Search(patterns, FOLDING)
    automaton.find(FoldedText("。" * 2_000))
    assert occurrences(scanned, folded) == occurrences(automaton, folded)


def test_many_strings_are_recoded() -> None:
    names = sorted(f"京{chr(0x4E00 + number)}" for number in range(2_500))
    number = names.index("京丁")
    assert occurrences(Search(names, FOLDING), FoldedText("在京丁。")) == [(number, 1, 3)]
