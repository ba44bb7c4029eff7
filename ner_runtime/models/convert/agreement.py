"""Agreement: how far an INT8 model's entities are those of the FP32 model, on the bundled sample.

The FP32 model's entities are taken as truth; the figure is the entity F1 of the INT8 model's, a type and its two
offsets being right or wrong together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ner_runtime.entities import Entity
from ner_runtime.manifest import Agreement
from ner_runtime.models.convert.sample import sample_sentences
from ner_runtime.recognizer import Recognizer

BAR = 0.98
"""Below this agreement the FP32 model is kept."""


def measure_agreement(fp32: Path, int8: Path, bar: float = BAR) -> Agreement:
    """Compare two model directories made of one checkpoint, on the whole sample."""
    sentences = sample_sentences()
    truth, answers = (Recognizer.open(directory).recognize(sentences) for directory in (fp32, int8))
    return Agreement(f1=entity_f1(truth, answers), sentences=len(sentences), bar=bar)


def entity_f1(truth: Iterable[Sequence[Entity]], answers: Iterable[Sequence[Entity]]) -> float:
    """Entity F1 of `answers` against `truth`, text by text; 1 where neither holds an entity."""
    right = expected = answered = 0
    for true, found in zip(truth, answers, strict=True):
        keys = {(entity.type, entity.start, entity.end) for entity in true}
        right += len(keys & {(entity.type, entity.start, entity.end) for entity in found})
        expected += len(true)
        answered += len(found)
    return 2 * right / (expected + answered) if expected + answered else 1.0
