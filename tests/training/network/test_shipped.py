"""The embedded model is read as a tagger."""

from __future__ import annotations

import torch

from ner_runtime import Recognizer
from ner_runtime.embedded import embedded_model
from ner_runtime.inference.windows.sentences import LONGEST_SENTENCE, sentence_ends
from ner_runtime.lexicon.files import read_matcher
from ner_runtime.models.convert.sample import sample_sentences
from training.data.corpora import Sentence, Span
from training.network.shipped import read_shipped
from training.steps.evaluate import Tally, find_spans


def test_the_tagger_finds_what_the_model_finds(recognizer: Recognizer) -> None:
    tagger, vocabulary = read_shipped(embedded_model())
    # The model reads sentences one by one and long ones in parts; the tagger reads each text in one pass.
    texts = [text for text in sample_sentences() if len(text) <= LONGEST_SENTENCE and len(sentence_ends(text)) < 2]
    types = frozenset(recognizer.types)
    sentences = [
        Sentence(text, tuple(Span(entity.start, entity.end, entity.type) for entity in entities), types)
        for text, entities in zip(texts, recognizer.recognize(texts, recognizer.types), strict=True)
    ]
    tally = Tally()
    find = read_matcher(embedded_model()).find
    spans = find_spans(tagger, vocabulary, sentences, torch.device("cpu"), find)
    for sentence, found in zip(sentences, spans, strict=True):
        tally.add(sentence, found)
    # The weights are the same, but the model also rounds activations and hides markup.
    assert tally.scores()["f1"] > 97
    assert tally.scores()["support"] > 200
