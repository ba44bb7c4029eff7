"""Measure how well the entities of an INT8 model agree with those of the FP32 model on the bundled sample.

The entities of the FP32 model are the reference. An entity counts as correct if its type and both offsets are correct.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ner_runtime.entities import Entity
from ner_runtime.manifest import Agreement, read_manifest
from ner_runtime.models.convert.sample import sample_sentences
from ner_runtime.recognizer import Recognizer

MIN_AGREEMENT = 0.98
"""Lowest entity F1 at which the INT8 model is used instead of the FP32 model."""


def measure_agreement(fp32: Path, int8: Path, min_agreement: float = MIN_AGREEMENT) -> Agreement:
    """Measure the agreement of two model directories built from one checkpoint, on the whole sample."""
    sentences = sample_sentences(split=read_manifest(fp32).split)
    expected, actual = (Recognizer.open(directory).recognize(sentences) for directory in (fp32, int8))
    return Agreement(f1=entity_f1(expected, actual), sentences=len(sentences), bar=min_agreement)


def entity_f1(expected: Iterable[Sequence[Entity]], actual: Iterable[Sequence[Entity]]) -> float:
    """Return the entity F1 of `actual` against `expected`; 1 if neither has entities.

    Both contain one list of entities per text, in the same order.
    """
    correct = total = 0
    for reference, found in zip(expected, actual, strict=True):
        keys = {(entity.type, entity.start, entity.end) for entity in reference}
        correct += len(keys & {(entity.type, entity.start, entity.end) for entity in found})
        total += len(reference) + len(found)
    return 2 * correct / total if total else 1.0
