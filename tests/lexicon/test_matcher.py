"""The matcher finds every occurrence of every entry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.lexicon.folding import base_table
from ner_runtime.lexicon.matcher import MAX_ENTRY, Match, Matcher, kinds_of

PLACE, ORGANISATION = 1, 2


def matcher(**entries: int) -> Matcher:
    return Matcher.build(entries, base_table())


def test_overlapping_entries_are_all_found() -> None:
    found = matcher(北京=PLACE, 北京大学=ORGANISATION, 大学=4).find("在北京大学")
    assert found == [Match(1, 3, PLACE), Match(1, 5, ORGANISATION), Match(3, 5, 4)]


def test_repeated_entries_are_all_found() -> None:
    assert [match.start for match in matcher(哈哈=1).find("哈哈哈哈")] == [0, 1, 2]


def test_an_entry_of_two_kinds_has_both_bits() -> None:
    [match] = Matcher.build({"abc": PLACE, "ABC": ORGANISATION}, base_table()).find("ＡＢＣ")
    assert match == Match(0, 3, PLACE | ORGANISATION)


@pytest.mark.parametrize("text", ["", "京", "\ud800北京", "𠮷野家北京"])
def test_offsets_are_code_points_of_the_text(text: str) -> None:
    expected = [Match(text.index("北京"), text.index("北京") + 2, PLACE)] if "北京" in text else []
    assert matcher(北京=PLACE).find(text) == expected


def test_entries_that_are_too_short_or_too_long_are_left_out() -> None:
    assert len(Matcher.build({"京": 1, "长" * (MAX_ENTRY + 1): 1, "长" * MAX_ENTRY: 1}, base_table())) == 1


def test_an_empty_lexicon_finds_nothing() -> None:
    assert matcher().find("北京大学") == []


@given(st.lists(st.text("京大学人", min_size=2, max_size=5), max_size=8), st.text("京大学人", max_size=30))
def test_it_finds_what_a_plain_search_finds(entries: list[str], text: str) -> None:
    found = Matcher.build(dict.fromkeys(entries, 1), base_table()).find(text)
    expected = {
        (start, start + len(entry)) for entry in entries for start in range(len(text)) if text.startswith(entry, start)
    }
    assert {(match.start, match.end) for match in found} == expected
    assert len(found) == len(expected)


def test_kinds_are_bits_in_the_order_of_their_names() -> None:
    assert kinds_of(["b", "c"], ("a", "b", "c")) == 0b110
