"""Evaluation: entity precision, recall and F1 of a recognizer on annotated texts.

An entity counts as found where type, start and end are the same (Tjong Kim Sang and De Meulder 2003). A type is scored
where the file annotates it and the model knows it. A native type may be mapped to one of the model's, or to nothing:
then what overlaps its spans is ignored on both sides, unless it is exactly right.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ner_runtime.errors import InputError
from ner_runtime.jsonl import Annotation, Sentence, chunked
from ner_runtime.recognizer import Recognizer

TypeMap = Mapping[str, str | None]

_ANY = "*"
_SENTENCES_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Score:
    """Fractions of 1; `support` is the number of annotated entities."""

    precision: float
    recall: float
    f1: float
    support: int

    @classmethod
    def of(cls, right: int, found: int, annotated: int) -> Score:
        precision = right / found if found else 0.0
        recall = right / annotated if annotated else 0.0
        f1 = 2 * right / (found + annotated) if found + annotated else 0.0
        return cls(precision, recall, f1, annotated)


@dataclass
class Tally:
    """Counts of a file, by type."""

    sentences: int = 0
    annotated: Counter[str] = field(default_factory=Counter[str])
    found: Counter[str] = field(default_factory=Counter[str])
    right: Counter[str] = field(default_factory=Counter[str])

    def add(self, gold: Iterable[Annotation], ignored: Iterable[Annotation], found: Iterable[Annotation]) -> None:
        """Count one sentence."""
        gold, ignored, found = set(gold), list(ignored), set(found)
        self.sentences += 1
        self.annotated.update(span.type for span in gold)
        self.right.update(span.type for span in found & gold)
        self.found.update(
            span.type for span in found if span in gold or not any(_overlap(span, other) for other in ignored)
        )

    def scored(self, known: Iterable[str]) -> list[str]:
        """The types that are scored, sorted."""
        return sorted(set(self.annotated) & set(known))

    def score(self, types: Iterable[str]) -> Score:
        """The score over some types together."""
        types = list(types)
        return Score.of(
            *(sum(counter[type_] for type_ in types) for counter in (self.right, self.found, self.annotated))
        )


def evaluate(recognizer: Recognizer, sentences: Iterable[Sentence], mapping: TypeMap) -> Tally:
    """Find the entities of each sentence, and count them against the annotated ones."""
    tally = Tally()
    for some in chunked(sentences, _SENTENCES_AT_ONCE):
        answers = recognizer.recognize([sentence.text for sentence in some], recognizer.types)
        for sentence, entities in zip(some, answers, strict=True):
            compare(
                tally, sentence, (Annotation(entity.type, entity.start, entity.end) for entity in entities), mapping
            )
    return tally


def compare(tally: Tally, sentence: Sentence, found: Iterable[Annotation], mapping: TypeMap) -> None:
    """Count the entities found in one sentence, by a recognizer or by another package."""
    gold, ignored = _mapped(sentence.spans, mapping)
    tally.add(gold, ignored, found)


def read_type_map(reference: str) -> TypeMap | None:
    """The map `NAME` of `FILE.json#NAME`, or the file's only content where there is no `#NAME`.

    None if the file has no such name: the corpus then uses the types of the model.

    Raises:
        InputError: the file does not exist, or contains anything other than maps of types.
    """
    path, _, name = reference.partition("#")
    try:
        value = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if name and isinstance(value, dict):
        if name not in value:
            return None
        value = value[name]
    if not isinstance(value, dict) or not all(isinstance(to, str | None) for to in value.values()):
        raise InputError(f"{reference} is not a map from types to types or null")
    return value


def _mapped(spans: Iterable[Annotation], mapping: TypeMap) -> tuple[list[Annotation], list[Annotation]]:
    kept: list[Annotation] = []
    ignored: list[Annotation] = []
    for span in spans:
        type_ = mapping.get(span.type, mapping.get(_ANY, span.type))
        if type_ is None:
            ignored.append(span)
        else:
            kept.append(Annotation(type_, span.start, span.end))
    return kept, ignored


def _overlap(left: Annotation, right: Annotation) -> bool:
    return left.start < right.end and right.start < left.end
