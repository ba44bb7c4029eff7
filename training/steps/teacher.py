"""Label plain text with the words, parts of speech and names that Baidu's LAC finds, for pretraining.

With the compute of a CPU, a small encoder learns little from predicting hidden characters, and much more from
predicting words and their kinds at every position. LAC 2.1.2 (Apache-2.0) was made for Paddle 1; this module rebuilds
`paddle.fluid` from the parts of it that Paddle 3 still has. LAC needs its own environment:

    make peers && .work/peers/bin/python -m training.steps.teacher --data path/to/corpora

Each source becomes a file `NAME.npz` with its code points, `codes` (characters,), and its tags, `tags` (characters,),
see `training.data.words`. Sources with an existing file are skipped. This module does not import torch, which that
environment lacks.
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
# Maximum number of characters taken from each source, so that large sources of one kind do not dominate.
LIMITS = {"cctv_xwlb_2012-07_2026-05": 3_000_000, "gov_work_reports": 300_000, "literature": 1_000_000}
_DEFAULT_LIMIT = 4_000_000
_LONGEST = 120
_AT_ONCE = 256
_SENTENCE = re.compile(r"[^。！？；!?;\n]+[。！？；!?;\n]*")


def sources(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the lines of every source: files of plain text, then training texts of the corpora.

    Sources in traditional script are left out, since LAC does not support it.
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
    """Choose random lines until they have `limit` characters in total."""
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
    """Yield the sentences of a line; those of more than `_LONGEST` characters are split."""
    for found in _SENTENCE.finditer(line):
        sentence = found[0]
        yield from (sentence[start : start + _LONGEST] for start in range(0, len(sentence), _LONGEST))


class Teacher:
    """LAC, which splits sentences into words and tags them."""

    def __init__(self) -> None:
        _put_fluid_in_place()
        self._lac: Any = importlib.import_module("LAC").LAC(mode="lac")

    def words(self, sentences: Sequence[str]) -> list[list[Word]]:
        """Return the words of each sentence with their kinds; an empty list if LAC changed the characters."""
        answers = self._lac.run(list(sentences))
        found = [list(zip(*answer, strict=True)) for answer in answers]
        return [
            words if "".join(word for word, _ in words) == sentence else []
            for sentence, words in zip(sentences, found, strict=True)
        ]


def label(teacher: Teacher, lines: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the code points and the tags of all lines, with a line break after each line.

    Returns:
        (characters,) uint32 and (characters,) uint8
    """
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
