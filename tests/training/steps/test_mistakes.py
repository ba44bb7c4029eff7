"""Sentences that a model gets wrong are found and weighed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ner_runtime import Recognizer
from training.data.corpora import Sentence, Span
from training.steps.mistakes import find_mistakes, is_mistaken, remember_mistakes, weigh

NAMES = frozenset({"PER", "LOC", "ORG"})
MA, HANGZHOU = Span(0, 2, "PER"), Span(3, 5, "LOC")
SENTENCE = Sentence("马云在杭州。", (MA, HANGZHOU), NAMES)


def test_missing_wrong_and_extra_entities_are_mistakes() -> None:
    assert not is_mistaken(SENTENCE, [MA, HANGZHOU])
    assert is_mistaken(SENTENCE, [MA])
    assert is_mistaken(SENTENCE, [MA, Span(3, 5, "ORG")])
    assert is_mistaken(SENTENCE, [MA, HANGZHOU, Span(5, 6, "ORG")])


def test_types_that_the_corpus_does_not_annotate_are_ignored() -> None:
    assert not is_mistaken(SENTENCE, [MA, HANGZHOU, Span(5, 6, "TIME")])
    unknown = Sentence(SENTENCE.text, (MA, Span(3, 5, None)), NAMES)
    assert not is_mistaken(unknown, [MA, HANGZHOU])


def test_mistakes_are_stored_and_not_searched_again(recognizer: Recognizer, tmp_path: Path) -> None:
    wrong = Sentence(SENTENCE.text, (Span(5, 6, "ORG"),), NAMES)
    assert find_mistakes(recognizer, [SENTENCE, wrong, SENTENCE]).tolist() == [False, True, False]
    path = tmp_path / "run" / "mistakes.npz"
    first = remember_mistakes(path, recognizer, [([SENTENCE, wrong], 1.0), ([wrong], 2.0)])
    again = remember_mistakes(path, recognizer, [([wrong], 1.0)])
    assert [part.tolist() for part in first] == [part.tolist() for part in again] == [[False, True], [True]]


def test_sentences_with_mistakes_are_seen_more_often() -> None:
    other = Sentence("杭州很美。", (Span(0, 2, "LOC"),), NAMES)
    corpora = [([SENTENCE, other], 2.0), ([other], 1.0)]
    parts = weigh(corpora, [np.array([True, False]), np.array([False])], more=2.5, less=0.5)
    assert parts == [([SENTENCE], 5.0), ([other], 1.0), ([other], 0.5)]
