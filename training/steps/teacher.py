"""Label plain text with the words, parts of speech and names that Baidu's LAC finds, for pretraining.

Within the budget of a CPU, a small encoder learns little by predicting hidden characters, and much more from words and
their kinds at every position. LAC 2.1.2 (Apache-2.0) was made for Paddle 1; this module provides `paddle.fluid` from
what Paddle 3 still has of it. LAC needs an environment of its own:

    make peers && .work/peers/bin/python -m training.steps.teacher --data path/to/corpora

Each source becomes `NAME.npz`: `codes` (characters,), code points; `tags` (characters,), see `training.data.words`.
Sources with an existing file are skipped. This module imports no torch, which that environment does not have.
"""

from __future__ import annotations

import argparse
import importlib
import random
import re
import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.data.corpora import CORPORA, DATA, TypeMap, read_lines, read_train
from training.data.words import NO_WORD, Word, encode_words

WORDS = Path(".work/training/words")
# Characters taken from each source of plain text, so that large sources of one kind do not dominate.
LIMITS = {"cctv_xwlb_2012-07_2026-05": 3_000_000, "gov_work_reports": 300_000, "literature": 1_000_000}
_DEFAULT_LIMIT = 4_000_000
_LONGEST = 120
_AT_ONCE = 256
_SENTENCE = re.compile(r"[^。！？；!?;\n]+[。！？；!?;\n]*")


def sources(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Name and lines of every source: files of plain text, then training texts of the corpora.

    Sources in traditional script are left out, since LAC does not know it.
    """
    for path in sorted((data / "raw").glob("*.txt.gz")):
        if "heldout" not in path.name and "trad" not in path.name:
            yield path.name.removesuffix(".txt.gz"), [line for line in read_lines(path) if line]
    type_map = TypeMap.read(data)
    for corpus in CORPORA:
        if "trad" in corpus.name:
            continue
        name = "_".join([corpus.name, *(split for split in corpus.splits if split != "train")])
        yield name, [sentence.text for sentence in read_train(data, corpus, type_map)]


def choose(lines: Sequence[str], limit: int, seed: int = 1) -> list[str]:
    """Lines in random order, until they hold `limit` characters."""
    order = list(lines)
    random.Random(seed).shuffle(order)
    chosen: list[str] = []
    size = 0
    for line in order:
        if size >= limit:
            break
        chosen.append(line)
        size += len(line)
    return chosen


def pieces(line: str) -> Iterator[str]:
    """Sentences of a line; those of more than `_LONGEST` characters are cut."""
    for found in _SENTENCE.finditer(line):
        sentence = found[0]
        yield from (sentence[start : start + _LONGEST] for start in range(0, len(sentence), _LONGEST))


class Teacher:
    """LAC, which splits sentences into words and tags them."""

    def __init__(self) -> None:
        _put_fluid_in_place()
        self._lac: Any = importlib.import_module("LAC").LAC(mode="lac")

    def words(self, sentences: Sequence[str]) -> list[list[Word]]:
        """Words and tags of each sentence; an empty list if LAC returns other characters than it received."""
        answers = self._lac.run(list(sentences))
        found = [list(zip(*answer, strict=True)) for answer in answers]
        return [
            words if "".join(word for word, _ in words) == sentence else []
            for sentence, words in zip(sentences, found, strict=True)
        ]


def label(teacher: Teacher, lines: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Code points and tags of all lines, a line break behind each: (characters,) uint32, (characters,) uint8."""
    texts: list[str] = []
    tags: list[np.ndarray] = []
    sentences = [piece for line in lines for piece in pieces(line + "\n")]
    for start in range(0, len(sentences), _AT_ONCE):
        some = sentences[start : start + _AT_ONCE]
        for sentence, words in zip(some, teacher.words([each.rstrip("\n") for each in some]), strict=True):
            coded = encode_words(words)
            tags.append(np.pad(coded, (0, len(sentence) - len(coded)), constant_values=NO_WORD))
            texts.append(sentence)
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return codes, np.concatenate(tags)


def _put_fluid_in_place() -> None:
    base: Any = importlib.import_module("paddle.base")
    fluid, core = types.ModuleType("paddle.fluid"), types.ModuleType("paddle.fluid.core")
    fluid.__dict__.update({name: getattr(base, name) for name in dir(base) if not name.startswith("__")})
    core.__dict__.update({name: getattr(base.core, name) for name in dir(base.core) if not name.startswith("__")})
    fluid.__dict__["core"] = core
    sys.modules |= {"paddle.fluid": fluid, "paddle.fluid.core": core}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Label plain text with LAC; resumes where it was stopped.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--folder", type=Path, default=WORDS, help="where the labelled sources are kept")
    parser.add_argument("--share", default="1/1", metavar="I/N", help="take every N-th source, from the I-th on")
    options = parser.parse_args(arguments)
    first, every = (int(part) for part in options.share.split("/"))
    options.folder.mkdir(parents=True, exist_ok=True)
    teacher = Teacher()
    for name, lines in list(sources(options.data))[first - 1 :: every]:
        path = options.folder / f"{name}.npz"
        if path.is_file():
            continue
        codes, tags = label(teacher, choose(lines, LIMITS.get(name, _DEFAULT_LIMIT)))
        draft = options.folder / f".{name}.npz"
        np.savez(draft, codes=codes, tags=tags)
        draft.replace(path)
        print(f"{name}: {len(codes)} characters", flush=True)


if __name__ == "__main__":
    main()
