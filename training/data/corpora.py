"""Read annotated corpora, with their types mapped to one common set, and plain text.

Each line of a corpus is one sentence, `{"text", "entities": [{"start", "end", "type"}]}`, with offsets in code points.
`TYPE_MAP.json` maps the types of each corpus to the common types. An entity whose type has no counterpart is kept with
the type None, so that the model does not learn that it is *not* an entity.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path("data")
"""The default folder of the corpora, which are not part of this repository; `--data` sets another one."""

TYPES = ("PER", "LOC", "ORG", "TIME", "TITLE", "MONEY")


@dataclass(frozen=True, slots=True)
class Span:
    """Code points `start` to `end` (exclusive) of a text. The type None marks a possible entity of unknown type."""

    start: int
    end: int
    type: str | None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text, its spans (sorted, without overlaps), and the types of which its corpus annotates every entity."""

    text: str
    spans: tuple[Span, ...]
    annotated: frozenset[str]


@dataclass(frozen=True)
class Corpus:
    """A corpus, stored in a subfolder of `ner/`, and how to train on it.

    Attributes:
        annotated: the types of which it annotates every entity; unmarked text may still be an entity of another type
        repeat: how often each training sentence occurs in an epoch, on average
        distrusted: types that it annotates unreliably; their entities get the type None
        splits: the files to train on
        without_lexicon: share of its texts that are read without lexicon matches, in addition to `Disturbance.none`
    """

    name: str
    annotated: frozenset[str]
    repeat: float = 1.0
    distrusted: frozenset[str] = frozenset()
    splits: tuple[str, ...] = ("train",)
    without_lexicon: float = 0.0


def _types(names: str) -> frozenset[str]:
    return frozenset(names.split())


_NAMES = _types("PER LOC ORG")

# `aishell_ner` is left out on purpose: its dev set measures a genre that the model is not trained on.
CORPORA = (
    Corpus("msra", _NAMES, repeat=5.0),
    Corpus("cluener", _types("PER LOC ORG TITLE"), repeat=3.0),
    Corpus("cmner", _NAMES, repeat=2.5),
    Corpus("boson", _types("PER LOC ORG TIME"), repeat=4.5),
    Corpus("uner_gsdsimp", _NAMES, repeat=18.0),
    Corpus("uner_gsd_trad", _NAMES, repeat=9.0, without_lexicon=0.1),
    Corpus("weibo", _NAMES, repeat=14.0, without_lexicon=0.1),
    Corpus("cnerta", _NAMES, repeat=1.5),
    Corpus("literature", _types("PER LOC ORG TIME"), repeat=2.5, without_lexicon=0.8),
    Corpus("gm_time", _types("TIME"), repeat=7.0, distrusted=_NAMES),
    Corpus("gm_time", _types("TIME"), repeat=1.0, distrusted=_NAMES, splits=("extra_pd_msra_overlap",)),
    Corpus("pd98_tim_zcoo", _types("PER TIME"), repeat=0.7, distrusted=_types("LOC ORG")),
    Corpus("cec", _types("TIME"), repeat=13.0, without_lexicon=0.65),
    Corpus("resume", _types("PER ORG TITLE"), repeat=2.0),
    Corpus("exec_jobtitle", _types("PER ORG TITLE"), repeat=0.6),
    Corpus("announce_org", _types("PER ORG TIME"), repeat=1.0),
    Corpus("cail_theft", _types("PER LOC ORG TIME MONEY"), repeat=2.2, without_lexicon=0.45),
    Corpus("youku", _types("PER"), repeat=0.8, without_lexicon=0.35),
    Corpus("smp2019_nlu", _NAMES, repeat=1.0),
    Corpus("cfsc", _types("ORG"), repeat=0.7),
    Corpus("fewfc_fin", _types("PER ORG"), repeat=0.4),
    Corpus("finre", _types("ORG"), repeat=0.3),
    Corpus("cais", _types("PER LOC"), repeat=0.3),
    Corpus("kdconv", _NAMES, repeat=0.2),
    Corpus("addr_li2019", _types("LOC"), repeat=0.2),
    Corpus("crosswoz", _types("LOC ORG"), repeat=0.2),
)

# The dev sets to report scores on, in the order of the table.
DEV_SETS = (
    "msra", "uner_gsdsimp", "uner_gsd_trad", "weibo", "cluener", "aishell_ner", "gm_time", "resume",
    "literature", "exec_jobtitle", "announce_org", "cail_theft", "cec", "cnerta", "youku",
    "cmner", "boson",
)  # fmt: skip


class TypeMap:
    """Maps the types of each corpus to the common types, or to None if a type has no counterpart."""

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
    """Return the first corpus with that name; one that is not trained on is taken to annotate PER, LOC and ORG."""
    return next((corpus for corpus in CORPORA if corpus.name == name), Corpus(name, _NAMES))


def read_split(data: Path, corpus: Corpus, split: str, type_map: TypeMap) -> list[Sentence]:
    """Read all sentences of one split of a corpus."""
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
    """Read all training sentences of a corpus."""
    return [sentence for split in corpus.splits for sentence in read_split(data, corpus, split, type_map)]


def read_raw(data: Path) -> Iterator[str]:
    """Yield the lines of the files in `raw/`, except held-out files, with an empty line after each file."""
    for path in sorted((data / "raw").glob("*.txt.gz")):
        if "heldout" not in path.name:
            yield from read_lines(path)
            yield ""


def read_train_texts(data: Path) -> Iterator[str]:
    """Yield the texts of all training sentences, without annotations."""
    type_map = TypeMap.read(data)
    for corpus in CORPORA:
        for sentence in read_train(data, corpus, type_map):
            yield sentence.text


def read_lexicon(path: Path) -> list[str]:
    """Read the entries of a lexicon: the first column of each line."""
    separator = "," if ".csv" in path.suffixes else "\t"
    return [entry for line in read_lines(path) if (entry := line.split(separator)[0].strip())]


def read_all_text(data: Path) -> Iterator[str]:
    """Yield the texts that the vocabulary is built from: plain text, training texts, and names from the lexicons."""
    yield from read_raw(data)
    yield from read_train_texts(data)
    for pattern in ("person_*.txt*", "loc_*.txt*", "org_*.txt*"):
        for path in sorted((data / "lexicons").glob(pattern)):
            yield from read_lexicon(path)


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file, plain or compressed with gzip, without line endings."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield from (line.rstrip("\n") for line in file)
    else:
        yield from path.read_text(encoding="utf-8").splitlines()
