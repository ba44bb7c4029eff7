"""Measure entity precision, recall and F1 of a tagger in float32, per dev set and type.

An entity is correct if its type, its start and its end are correct. Types that a dev set does not annotate are not
scored. Spans of unknown type are ignored, and so are found entities that overlap them. `raner evaluate` scores the
shipped INT8 model.

    python -m training.steps.evaluate .work/training/raner-mini --data path/to/corpora
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import torch

from ner_runtime.atomic_files import write_atomically
from ner_runtime.lexicon.files import read_matcher
from training.data.corpora import DATA, DEV_SETS, Sentence, Span, TypeMap, find_corpus, read_split
from training.data.vocabulary import Vocabulary
from training.examples.batches import Find, bucket, collate, cut, encode
from training.network.tagger import Tagger

_BUDGET = 8192


class TypeScores(TypedDict):
    """Precision, recall and F1 in percent, and the number of annotated entities."""

    precision: float
    recall: float
    f1: float
    support: int


class Scores(TypeScores):
    """Scores of all types together (micro-average), and of each type."""

    types: dict[str, TypeScores]


@dataclass
class Counts:
    """Numbers of entities: correctly found (`right`), found, and annotated (`there`)."""

    right: int = 0
    found: int = 0
    there: int = 0

    def scores(self) -> TypeScores:
        """Return the scores; a score that would divide by 0 is 0."""
        return {
            "precision": _percent(self.right, self.found),
            "recall": _percent(self.right, self.there),
            "f1": _percent(2 * self.right, self.found + self.there),
            "support": self.there,
        }


@dataclass
class Tally:
    """The counts of each type."""

    types: dict[str, Counts] = field(default_factory=dict[str, Counts])

    def add(self, sentence: Sentence, found: Iterable[Span]) -> None:
        """Count the annotated, found and correctly found spans of a sentence."""
        unknown = [span for span in sentence.spans if span.type not in sentence.annotated]
        gold = {span for span in sentence.spans if span.type in sentence.annotated}
        kept = {
            span
            for span in found
            if span.type in sentence.annotated
            and not any(span.start < other.end and other.start < span.end for other in unknown)
        }
        for type_, number in Counter(span.type for span in gold).items():
            self._counts(type_).there += number
        for type_, number in Counter(span.type for span in kept).items():
            self._counts(type_).found += number
        for type_, number in Counter(span.type for span in kept & gold).items():
            self._counts(type_).right += number

    def scores(self) -> Scores:
        """Return the scores of all sentences added so far."""
        each = list(self.types.values())
        total = Counts(*(sum(getattr(counts, name) for counts in each) for name in ("right", "found", "there")))
        return {**total.scores(), "types": {type_: self.types[type_].scores() for type_ in sorted(self.types)}}

    def _counts(self, type_: str | None) -> Counts:
        return self.types.setdefault(str(type_), Counts())


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


@torch.no_grad()
def find_spans(
    tagger: Tagger,
    vocabulary: Vocabulary,
    sentences: Sequence[Sentence],
    device: torch.device,
    find: Find | None = None,
) -> list[list[Span]]:
    """Return the spans that a tagger finds in sentences of at most 510 code points."""
    tagger.eval()
    examples = [
        encode(sentence, vocabulary, tagger.tagset, find(sentence.text) if find else ()) for sentence in sentences
    ]
    found: list[list[Span]] = [[] for _ in sentences]
    for group in bucket([len(example) for example in examples], _BUDGET):
        paths = tagger.paths(collate([examples[index] for index in group]).to(device))
        for index, path in zip(group, paths, strict=True):
            found[index] = tagger.tagset.decode(path)
    tagger.train()
    return found


def score(
    tagger: Tagger,
    vocabulary: Vocabulary,
    sentences: Sequence[Sentence],
    device: torch.device,
    find: Find | None = None,
) -> Scores:
    """Score a tagger on sentences. Those of more than 510 code points are split."""
    pieces = [piece for sentence in sentences for piece in cut(sentence)]
    tally = Tally()
    for piece, found in zip(pieces, find_spans(tagger, vocabulary, pieces, device, find), strict=True):
        tally.add(piece, found)
    return tally.scores()


def read_dev_sets(data: Path, names: Sequence[str] = DEV_SETS, limit: int | None = None) -> dict[str, list[Sentence]]:
    """Read dev sets by name, each limited to its first `limit` sentences."""
    type_map = TypeMap.read(data)
    return {name: read_split(data, find_corpus(name), "dev", type_map)[:limit] for name in names}


def main(arguments: Sequence[str] | None = None) -> None:
    from training.network.checkpoint import read_checkpoint

    parser = argparse.ArgumentParser(description="Score a checkpoint directory on the dev sets.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument(
        "--lexicon", type=Path, default=None, help="the folder of the lexicon that the model was trained with"
    )
    parser.add_argument("--sets", nargs="+", default=list(DEV_SETS))
    parser.add_argument("--test", action="store_true", help="also score msra/test, for reports only, not for choices")
    options = parser.parse_args(arguments)
    tagger, vocabulary = read_checkpoint(options.checkpoint)
    sets = read_dev_sets(options.data, options.sets)
    if options.test:
        sets["msra/test"] = read_split(options.data, find_corpus("msra"), "test", TypeMap.read(options.data))
    find = read_matcher(options.lexicon).find if options.lexicon else None
    device = torch.device("cpu")
    scores = {name: score(tagger, vocabulary, sentences, device, find) for name, sentences in sets.items()}
    # Not `scores.json`, which `average` compares with new scores.
    write_atomically(options.checkpoint / "evaluation.json", json.dumps(scores, indent=1).encode())
    print(format_table(scores))


def format_table(scores: dict[str, Scores]) -> str:
    """Format the scores, one line per dev set: F1 of all types, then of each type."""
    lines: list[str] = []
    for name, values in scores.items():
        each = "  ".join(f"{type_} {of_type['f1']:5.1f}" for type_, of_type in values["types"].items())
        lines.append(f"{name:16} {values['f1']:6.2f}   {each}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
