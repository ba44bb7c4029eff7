"""Some characters are hidden from the network."""

from __future__ import annotations

import random

import numpy as np

from training.data.corpora import Sentence, Span
from training.data.vocabulary import MASK, UNK
from training.examples.masking import Masks, mask

SENTENCE = Sentence("马云在杭州", (Span(0, 2, "PER"),), frozenset())
IDS = np.arange(10, 15)


def test_nothing_is_hidden_at_rate_zero() -> None:
    assert mask(IDS, SENTENCE, Masks(0, 0, 0, 0), random.Random(1)).tolist() == IDS.tolist()


def test_a_whole_name_is_hidden_and_the_rest_stays() -> None:
    masked = mask(IDS, SENTENCE, Masks(texts=0, characters=0, names=1, within=1), random.Random(1))
    assert set(masked[:2].tolist()) <= {MASK, UNK}
    assert masked[2:].tolist() == IDS[2:].tolist()
    assert IDS.tolist() == [10, 11, 12, 13, 14]


def test_characters_of_some_texts_are_hidden() -> None:
    chance = random.Random(1)
    masked = [mask(IDS, SENTENCE, Masks(texts=0.5, characters=1, names=0, within=0), chance) for _ in range(200)]
    hidden = [np.isin(ids, (MASK, UNK)).mean() for ids in masked]
    assert set(hidden) == {0.0, 1.0}
    assert 0.35 < np.mean(hidden) < 0.65
