"""Read annotated corpora under one set of types, and plain text.

Sentences come as `{"text", "entities": [{"start", "end", "type"}]}` lines with offsets in code points. Native types
are mapped to ours by `TYPE_MAP.json`. An entity whose type has no counterpart is kept with the type None, so that the
model does not learn that it is *not* an entity.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path("data")
"""Where the corpora are unless `--data` names another directory. They are not part of this repository."""

TYPES = ("PER", "LOC", "ORG", "TIME", "TITLE", "MONEY")


@dataclass(frozen=True, slots=True)
class Span:
    """Code points `start` to `end` (exclusive) of a text; the type None means: possibly an entity, of unknown type."""

    start: int
    end: int
    type: str | None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text with its spans, sorted and disjoint, and the types that its corpus annotates throughout."""

    text: str
    spans: tuple[Span, ...]
    annotated: frozenset[str]


@dataclass(frozen=True)
class Corpus:
    """A folder of `ner/`.

    Attributes:
        annotated: the types that it annotates throughout; of another type, unmarked text may still be an entity
        repeat: how often an epoch sees each training sentence, on average
        distrusted: types that it annotates unreliably; read like types without a counterpart
        splits: the files to train on
    """

    name: str
    annotated: frozenset[str]
    repeat: float = 1.0
    distrusted: frozenset[str] = frozenset()
    splits: tuple[str, ...] = ("train",)


def _types(names: str) -> frozenset[str]:
    return frozenset(names.split())


_NAMES = _types("PER LOC ORG")

# `aishell_ner` is absent on purpose: its dev split measures a genre that is not trained on.
CORPORA = (
    Corpus("msra", _NAMES, repeat=2.0),
    Corpus("cluener", _types("PER LOC ORG TITLE"), repeat=1.5),
    Corpus("cmner", _NAMES, repeat=2.5),
    Corpus("boson", _types("PER LOC ORG TIME"), repeat=1.5),
    Corpus("uner_gsdsimp", _NAMES, repeat=2.5),
    Corpus("uner_gsd_trad", _NAMES, repeat=1.5),
    Corpus("weibo", _NAMES, repeat=3.0),
    Corpus("cnerta", _NAMES, repeat=1.5),
    Corpus("literature", _types("PER LOC ORG TIME"), repeat=0.2),
    Corpus("gm_time", _types("TIME"), repeat=3.5, distrusted=_NAMES),
    Corpus("gm_time", _types("TIME"), repeat=1.0, distrusted=_NAMES, splits=("extra_pd_msra_overlap",)),
    Corpus("pd98_tim_zcoo", _types("PER TIME"), repeat=0.7, distrusted=_types("LOC ORG")),
    Corpus("cec", _types("TIME"), repeat=0.6),
    Corpus("resume", _types("PER ORG TITLE"), repeat=1.5),
    Corpus("exec_jobtitle", _types("PER ORG TITLE"), repeat=0.6),
    Corpus("announce_org", _types("PER ORG TIME"), repeat=1.0),
    Corpus("cail_theft", _types("PER LOC ORG TIME MONEY"), repeat=0.5),
    Corpus("youku", _types("PER"), repeat=0.4),
    Corpus("smp2019_nlu", _NAMES, repeat=1.0),
    Corpus("cfsc", _types("ORG"), repeat=1.0),
    Corpus("fewfc_fin", _types("PER ORG"), repeat=0.7),
    Corpus("finre", _types("ORG"), repeat=0.6),
    Corpus("cais", _types("PER LOC"), repeat=0.5),
    Corpus("kdconv", _NAMES, repeat=0.4),
    Corpus("addr_li2019", _types("LOC"), repeat=0.3),
    Corpus("crosswoz", _types("LOC ORG"), repeat=0.2),
)

# The dev sets that scores are given for, in the order of the table.
DEV_SETS = (
    "msra", "uner_gsdsimp", "uner_gsd_trad", "weibo", "cluener", "aishell_ner", "gm_time", "resume",
    "literature", "exec_jobtitle", "announce_org", "cail_theft", "cec", "cnerta", "youku",
    "cmner", "boson",
)  # fmt: skip


class TypeMap:
    """Native types to ours."""

    def __init__(self, table: dict[str, dict[str, str | None]]) -> None:
        self._table = table

    @classmethod
    def read(cls, data: Path) -> TypeMap:
        path = data / "ner" / "TYPE_MAP.json"
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls({name: types for name, types in table.items() if not name.startswith("_")})

    def __call__(self, corpus: str, native: str) -> str | None:
        table = self._table.get(corpus, {})
        if native in table:
            return table[native]
        return native if native in TYPES else None


def find_corpus(name: str) -> Corpus:
    """The first corpus of that name; one that is only measured on annotates names."""
    return next((corpus for corpus in CORPORA if corpus.name == name), Corpus(name, _NAMES))


def read_split(data: Path, corpus: Corpus, split: str, type_map: TypeMap) -> list[Sentence]:
    """All sentences of one file."""
    sentences: list[Sentence] = []
    for line in read_lines(data / "ner" / corpus.name / f"{split}.jsonl.gz"):
        record = json.loads(line)
        spans: list[Span] = []
        for entity in record["entities"]:
            type_ = type_map(corpus.name, entity["type"])
            spans.append(Span(entity["start"], entity["end"], None if type_ in corpus.distrusted else type_))
        sentences.append(Sentence(record["text"], tuple(spans), corpus.annotated))
    return sentences


def read_train(data: Path, corpus: Corpus, type_map: TypeMap) -> list[Sentence]:
    """All training sentences of a corpus."""
    return [sentence for split in corpus.splits for sentence in read_split(data, corpus, split, type_map)]


def read_raw(data: Path) -> Iterator[str]:
    """The lines of `raw/`, with an empty line between documents and without the held-out part."""
    for path in sorted((data / "raw").glob("*.txt.gz")):
        if "heldout" not in path.name:
            yield from read_lines(path)
            yield ""


def read_train_texts(data: Path) -> Iterator[str]:
    """The texts of all training sentences, without their annotation."""
    type_map = TypeMap.read(data)
    for corpus in CORPORA:
        for sentence in read_train(data, corpus, type_map):
            yield sentence.text


def read_lexicon(path: Path) -> list[str]:
    """The first column of a lexicon, one entry a line."""
    separator = "," if ".csv" in path.suffixes else "\t"
    return [entry for line in read_lines(path) if (entry := line.split(separator)[0].strip())]


def read_all_text(data: Path) -> Iterator[str]:
    """The texts from which the vocabulary is counted: raw text, training texts, and names from the lexicons."""
    yield from read_raw(data)
    yield from read_train_texts(data)
    for pattern in ("person_*.txt*", "loc_*.txt*", "org_*.txt*"):
        for path in sorted((data / "lexicons").glob(pattern)):
            yield from read_lexicon(path)


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a file, compressed or not, without their ends."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield from (line.rstrip("\n") for line in file)
    else:
        yield from path.read_text(encoding="utf-8").splitlines()
