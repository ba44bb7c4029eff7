"""Which occurrences count when several entries or lexicons disagree."""

from __future__ import annotations

from ner_runtime import Entry, Lexicon
from ner_runtime.lexicon.user.matches import LexiconSet, TextMatches


def match(text: str, *lexicons: list[Entry]) -> TextMatches | None:
    return LexiconSet(map(Lexicon.from_entries, lexicons)).match(text, lambda start, end: (start, end))


def names(text: str, *lexicons: list[Entry]) -> list[tuple[str, str]]:
    matches = match(text, *lexicons)
    return [] if matches is None else [(one.type, text[one.start : one.end]) for one in matches.names]


def test_a_text_without_occurrences_has_no_matches() -> None:
    assert match("今天", [Entry("百度", "ORG")]) is None


def test_force_wins_over_prefer() -> None:
    entries = [Entry("北京大学", "ORG"), Entry("大学生", "TITLE", "force")]
    assert names("北京大学生", entries) == [("TITLE", "大学生")]


def test_of_two_lexicons_the_first_wins() -> None:
    assert names("苹果", [Entry("苹果", "ORG")], [Entry("苹果", "FRUIT")]) == [("ORG", "苹果")]
    assert names("苹果", [Entry("苹果", "*", "forbid")], [Entry("苹果", "FRUIT")]) == []
    assert names("苹果", [Entry("苹果", "FRUIT")], [Entry("苹果", "*", "forbid")]) == [("FRUIT", "苹果")]


def test_an_entry_with_a_context_wins_over_one_without() -> None:
    eaten = Entry("苹果", "FRUIT", left="吃")
    assert names("吃苹果", [Entry("苹果", "ORG"), eaten]) == [("FRUIT", "苹果")]
    assert names("买苹果", [Entry("苹果", "ORG"), eaten]) == [("ORG", "苹果")]
    assert names("吃苹果", [Entry("苹果", "ORG"), Entry("苹果", "ORG", "forbid", left="吃")]) == []


def test_a_part_has_the_occurrences_that_reach_into_it() -> None:
    matches = match("在北京大学", [Entry("北京大学", "ORG")])
    assert matches is not None
    part = matches.part(3, 5)
    assert part is not None
    assert [one[:3] for one in part.names] == [(-2, 2, "ORG")]
    assert matches.part(0, 1) is None


def test_the_digest_depends_on_the_order_of_the_lexicons() -> None:
    first, second = Lexicon.from_entries([Entry("a", "X")]), Lexicon.from_entries([Entry("b", "X")])
    assert LexiconSet([first, second]).digest != LexiconSet([second, first]).digest
    assert LexiconSet([first]).digest == first.digest
