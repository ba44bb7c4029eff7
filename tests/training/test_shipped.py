"""The embedded model as a tagger again."""

from __future__ import annotations

import torch

from ner_runtime import Recognizer
from ner_runtime.embedded import embedded_model
from training.corpora import Sentence
from training.evaluate import find_spans
from training.shipped import read_shipped

TEXTS = (
    "马云在杭州创办了阿里巴巴。",
    "外交部发言人昨天在北京表示，中国与德国的贸易额超过2000亿美元。",
    "没有名字的一句话。",
)


def test_it_finds_what_the_model_finds(recognizer: Recognizer) -> None:
    tagger, vocabulary = read_shipped(embedded_model())
    sentences = [Sentence(text, (), frozenset()) for text in TEXTS]
    spans = find_spans(tagger, vocabulary, sentences, torch.device("cpu"))
    expected = recognizer.recognize(TEXTS, recognizer.types)
    for found, entities in zip(spans, expected, strict=True):
        assert [(s.type, s.start, s.end) for s in found] == [(e.type, e.start, e.end) for e in entities]
