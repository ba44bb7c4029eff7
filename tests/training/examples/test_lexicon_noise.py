"""The lexicon that a training text sees lacks some entries and holds some wrong ones."""

from __future__ import annotations

import random

from ner_runtime.lexicon.folding import base_table
from ner_runtime.lexicon.matcher import Match, Matcher
from training.data.corpora import Sentence, Span
from training.examples.lexicon_noise import Disturbance, DisturbedLexicon

PERSON, PLACE, WORD = 1, 2, 4
MATCHER = Matcher.build({"马云": PERSON, "杭州": PLACE, "云在": WORD}, base_table())
SENTENCE = Sentence("马云在杭州", (Span(0, 2, "PER"), Span(3, 5, "LOC")), frozenset())
EVERY = [Match(0, 2, PERSON), Match(1, 3, WORD), Match(3, 5, PLACE)]


def matches(rates: Disturbance, seed: int = 1) -> list[Match]:
    return DisturbedLexicon(MATCHER, PERSON | PLACE, WORD, rates)(SENTENCE, random.Random(seed))


def test_undisturbed_it_is_the_lexicon() -> None:
    assert matches(Disturbance(none=0, missing=0, dropped=0, wrong=0)) == EVERY


def test_a_text_without_lexicon_has_no_matches() -> None:
    assert matches(Disturbance(none=1, missing=0, dropped=0, wrong=0)) == []


def test_what_overlaps_a_missing_name_keeps_only_its_words() -> None:
    assert matches(Disturbance(none=0, missing=1, dropped=0, wrong=0)) == [Match(1, 3, WORD)]


def test_dropped_entries_are_gone() -> None:
    assert matches(Disturbance(none=0, missing=0, dropped=1, wrong=0)) == []


def test_a_wrong_entry_is_a_word_that_is_called_a_name() -> None:
    found = matches(Disturbance(none=0, missing=0, dropped=0, wrong=1))
    assert found[0] == EVERY[0]
    assert found[1].kinds in (WORD | PERSON, WORD | PLACE)
