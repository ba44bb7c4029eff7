"""Measure the entity precision, recall and F1 of a recognizer on annotated texts.

A found entity is right if an annotated entity has the same type, start and end (Tjong Kim Sang and De Meulder 2003). A
type is scored if the file annotates it and the model has it. A type map maps each type of the file to a type of the
model or to null. Annotated entities whose type maps to null are ignored. So are found entities that overlap one of
them, unless they are right.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ner_runtime.errors import InputError
from ner_runtime.jsonl import Annotation, Sentence, chunked
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.recognizer import Recognizer

TypeMap = Mapping[str, str | None]

_ANY = "*"
_SENTENCES_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1 as fractions of 1; `support` is the number of annotated entities."""

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
    """The number of sentences, and of annotated, found and right entities of each type."""

    sentences: int = 0
    annotated: Counter[str] = field(default_factory=Counter[str])
    found: Counter[str] = field(default_factory=Counter[str])
    right: Counter[str] = field(default_factory=Counter[str])

    def add(self, gold: Iterable[Annotation], ignored: Iterable[Annotation], found: Iterable[Annotation]) -> None:
        """Add the counts of one sentence."""
        gold, ignored, found = set(gold), list(ignored), set(found)
        self.sentences += 1
        self.annotated.update(span.type for span in gold)
        self.right.update(span.type for span in found & gold)
        self.found.update(
            span.type for span in found if span in gold or not any(_overlap(span, other) for other in ignored)
        )

    def scored(self, known: Iterable[str]) -> list[str]:
        """Return the types that are scored, sorted: those annotated in the file and among `known`."""
        return sorted(set(self.annotated) & set(known))

    def score(self, types: Iterable[str]) -> Score:
        """Return the micro-averaged score of the types."""
        types = list(types)
        return Score.of(
            *(sum(counter[type_] for type_ in types) for counter in (self.right, self.found, self.annotated))
        )


def evaluate(
    recognizer: Recognizer, sentences: Iterable[Sentence], mapping: TypeMap, lexicon: LexiconSet | None = None
) -> Tally:
    """Find the entities of each sentence, with a lexicon if one is given, and compare them with the annotated ones."""
    types = known_types(recognizer, lexicon)
    tally = Tally()
    for some in chunked(sentences, _SENTENCES_AT_ONCE):
        answers = recognizer.recognize([sentence.text for sentence in some], types, lexicon=lexicon)
        for sentence, entities in zip(some, answers, strict=True):
            compare(
                tally, sentence, (Annotation(entity.type, entity.start, entity.end) for entity in entities), mapping
            )
    return tally


def known_types(recognizer: Recognizer, lexicon: LexiconSet | None) -> tuple[str, ...]:
    """Return the types of the model and of the lexicon."""
    return tuple(dict.fromkeys((*recognizer.types, *(lexicon.types if lexicon else ()))))


def compare(tally: Tally, sentence: Sentence, found: Iterable[Annotation], mapping: TypeMap) -> None:
    """Compare the entities found in one sentence with the annotated ones, and add the counts to `tally`.

    `found` can come from a recognizer or from another package.
    """
    gold, ignored = _mapped(sentence.spans, mapping)
    tally.add(gold, ignored, found)


def read_type_map(reference: str) -> TypeMap | None:
    """Return the type map that `FILE.json#NAME` refers to. Without `#NAME`, the whole file is one type map.

    Returns None if the file has no map with this name; the corpus then uses the types of the model.

    Raises:
        InputError: the file cannot be read, or does not contain a type map.
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
