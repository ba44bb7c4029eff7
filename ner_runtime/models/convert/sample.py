"""Generate the bundled sample: sentences for calibrating INT8 and comparing it with FP32.

The sentences are built from words and patterns; every run generates the same sentences in the same order. They vary in
domain, length, punctuation and script; some contain no name. All people and companies in them are fictitious.

For models that label code points or pieces, the sentences are Chinese (`sample.toml`); for models that label words,
which are trained on other languages, they are in eleven languages with spaces between words (`sample_words.toml`).
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from random import Random

from ner_runtime.manifest import Split

SENTENCES = 600
_SLOT = re.compile(r"\{(\w+)\}")
_LONG_EVERY = 10
_FILES: dict[Split, str] = {"characters": "sample.toml", "pieces": "sample.toml", "words": "sample_words.toml"}


def sample_sentences(count: int = SENTENCES, split: Split = "characters") -> list[str]:
    """Return `count` different sentences of 2 to about 250 characters, or 350 if the model labels words."""
    words, patterns = _parts(_FILES[split])
    between = " " if split == "words" else ""
    random = Random(20)  # noqa: S311 - not a secret
    sentences: dict[str, None] = {}
    while len(sentences) < count:
        parts = random.randint(3, 5) if len(sentences) % _LONG_EVERY == 0 else 1
        sentences[between.join(_fill(random.choice(patterns), words, random) for _ in range(parts))] = None
    return list(sentences)


@cache
def _parts(file: str) -> tuple[dict[str, list[str]], list[str]]:
    parts = tomllib.loads(files("ner_runtime.models.convert").joinpath(file).read_text(encoding="utf-8"))
    words = {slot: line.split() for slot, line in parts["words"].items()}
    return words, [pattern for section in parts["patterns"].values() for pattern in section]


def _fill(pattern: str, words: dict[str, list[str]], random: Random) -> str:
    """Replace every slot with one of its words. Words can contain slots too."""
    while _SLOT.search(pattern):
        pattern = _SLOT.sub(lambda slot: _word(slot[1], words, random), pattern)
    return pattern


def _word(slot: str, words: dict[str, list[str]], random: Random) -> str:
    return str(random.randint(1, 99)) if slot == "n" else random.choice(words[slot]).replace("_", " ")
