"""The embedded model as a tagger again."""

from __future__ import annotations

import torch

from ner_runtime import Recognizer
from ner_runtime.embedded import embedded_model
from ner_runtime.inference.windows import LONGEST_SENTENCE, full_stops
from ner_runtime.models.convert.sample import sample_sentences
from training.corpora import Sentence, Span
from training.evaluate import Tally, find_spans
from training.shipped import read_shipped


def test_it_finds_what_the_model_finds(recognizer: Recognizer) -> None:
    tagger, vocabulary = read_shipped(embedded_model())
    # The tagger reads each in one pass; the model would read several sentences one by one, and long ones in parts.
    texts = [text for text in sample_sentences() if len(text) <= LONGEST_SENTENCE and len(full_stops(text)) < 2]
    types = frozenset(recognizer.types)
    sentences = [
        Sentence(text, tuple(Span(entity.start, entity.end, entity.type) for entity in entities), types)
        for text, entities in zip(texts, recognizer.recognize(texts, recognizer.types), strict=True)
    ]
    tally = Tally()
    for sentence, found in zip(sentences, find_spans(tagger, vocabulary, sentences, torch.device("cpu")), strict=True):
        tally.add(sentence, found)
    # Its weights are the same; the model's activations are rounded, too.
    assert tally.scores()["f1"] > 98
    assert tally.scores()["support"] > 200
