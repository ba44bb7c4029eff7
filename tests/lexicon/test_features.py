"""Matches become flags of each character."""

from __future__ import annotations

import numpy as np

from ner_runtime.lexicon import MAX_KINDS
from ner_runtime.lexicon.features import FLAGS, match_flags
from ner_runtime.lexicon.matcher import Match


def flag_names(length: int, *matches: Match) -> list[set[str]]:
    flags = match_flags(length, matches)
    assert flags.shape == (length, FLAGS)
    places = ("begins", "inside", "ends")
    return [{f"{places[flag // MAX_KINDS]} {flag % MAX_KINDS}" for flag in np.flatnonzero(row)} for row in flags]


def test_a_match_begins_continues_and_ends() -> None:
    assert flag_names(5, Match(1, 4, 1)) == [set(), {"begins 0"}, {"inside 0"}, {"ends 0"}, set()]


def test_every_kind_of_a_match_has_its_own_flags() -> None:
    assert flag_names(2, Match(0, 2, 0b1000_0000_0000_0010)) == [{"begins 1", "begins 15"}, {"ends 1", "ends 15"}]


def test_overlapping_matches_add_up() -> None:
    assert flag_names(3, Match(0, 2, 1), Match(1, 3, 1)) == [{"begins 0"}, {"begins 0", "ends 0"}, {"ends 0"}]


def test_a_text_without_matches_has_no_flags() -> None:
    assert not match_flags(4, []).any()
    assert match_flags(0, []).shape == (0, FLAGS)
