"""Which occurrences a lexicon finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime import Entry, InvalidValue, Lexicon
from ner_runtime.lexicon.user.patterns import FoldedText


def found(text: str, *entries: Entry) -> list[str]:
    occurrences = Lexicon.from_entries(entries).find(FoldedText(text))
    return [text[one.start : one.end] for one in occurrences]


def test_of_overlapping_occurrences_the_leftmost_longest_is_found() -> None:
    entries = [Entry("北京", "LOC"), Entry("北京大学", "ORG"), Entry("大学城", "LOC")]
    assert found("在北京大学城和北京", *entries) == ["北京大学", "北京"]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("用ＡＩ写", ["ＡＩ"]),
        ("OpenAI的ai", ["ai"]),
        ("AIR和AI2", []),
        ("caf\u00e9和café AI", ["AI"]),
        ("京东AIR", ["京东"]),
        ("京东ai", ["京东ai"]),
        ("2024年和20241年", ["2024年"]),
    ],
)
def test_latin_letters_and_digits_match_at_word_boundaries_only(text: str, spans: list[str]) -> None:
    names = ("AI", "caf", "京东", "京东AI", "2024年")
    assert found(text, *(Entry(name, "X") for name in names)) == spans


def test_an_entry_with_a_context_matches_between_its_contexts_only() -> None:
    company = Entry("苹果", "ORG", left="用", right="手机")
    assert found("吃苹果，用苹果手机", company) == ["苹果"]
    assert Lexicon.from_entries([company]).find(FoldedText("用苹果手机"))[0][:2] == (1, 3)
    assert found("用苹果", company) == []
    assert found("苹果手机", company) == []


def test_an_exact_text_is_forbidden_for_its_types() -> None:
    lexicon = Lexicon.from_entries([Entry("苹果", "ORG", "forbid", left="吃"), Entry("Java", "*", "forbid")])
    text = FoldedText("吃苹果学JAVA")
    assert [one.type for one in lexicon.forbidden(text, 1, 3)] == ["ORG"]
    assert [one.type for one in lexicon.forbidden(text, 4, 8)] == ["*"]
    assert lexicon.forbidden(text, 0, 3) == []
    assert lexicon.find(text) == []


def test_a_wrong_entry_is_an_error_that_names_it() -> None:
    with pytest.raises(InvalidValue, match="entry 2: text: is empty"):
        Lexicon.from_entries([Entry("百度", "ORG"), Entry("", "ORG")])


@given(st.lists(st.text("ab中国，", min_size=1, max_size=4), min_size=1), st.text("ab中国，", max_size=40))
def test_occurrences_are_the_leftmost_longest_ones(names: list[str], text: str) -> None:
    def is_word(char: str) -> bool:
        return char in ("a", "b")

    def fits(start: int, name: str) -> bool:
        end = start + len(name)
        if not text.startswith(name, start):
            return False
        begins = not is_word(name[0]) or start == 0 or not is_word(text[start - 1])
        ends = not is_word(name[-1]) or end == len(text) or not is_word(text[end])
        return begins and ends

    expected: list[str] = []
    position = 0
    while position < len(text):
        fitting = [name for name in names if fits(position, name)]
        if fitting:
            expected.append(max(fitting, key=len))
        position += len(expected[-1]) if fitting else 1
    assert found(text, *(Entry(name, "X") for name in names)) == expected


_SYLLABLES = "上下东西南北中大小金银海山河江湖"
LARGE = {a + b + c for a in _SYLLABLES for b in _SYLLABLES for c in _SYLLABLES + "A1·"} | {a * 2 for a in _SYLLABLES}
_LARGE_LEXICON = Lexicon.from_entries(Entry(name, "X") for name in sorted(LARGE))


@given(st.text(alphabet=[*_SYLLABLES, "A", "1", "·", "的", "\n", "\x00", "\x01", "𠮷", "\ud800"], max_size=30))
def test_a_large_lexicon_finds_the_leftmost_longest_occurrences_too(text: str) -> None:
    # Latin letters and digits count at word boundaries only, which another test covers.
    text = text.replace("A1", "A").replace("AA", "A").replace("1A", "1").replace("11", "1")
    expected: list[str] = []
    start = 0
    while start < len(text):
        size = next((size for size in (3, 2) if text[start : start + size] in LARGE), 0)
        expected += [text[start : start + size]] * bool(size)
        start += size or 1
    assert [text[one.start : one.end] for one in _LARGE_LEXICON.find(FoldedText(text))] == expected
