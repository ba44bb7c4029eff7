"""Find the training sentences that a model gets wrong, and repeat them more often than the others.

A good model learns little from most sentences. Repeating them less often leaves more steps for the others, and keeping
them prevents forgetting (compare Shrivastava et al., 2016, online hard example mining).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ner_runtime.atomic_files import write_atomically
from ner_runtime.recognizer import Recognizer
from training.data.corpora import Sentence, Span
from training.steps.evaluate import Tally

Corpora = list[tuple[list[Sentence], float]]

_AT_ONCE = 1024


def is_mistaken(sentence: Sentence, found: Sequence[Span]) -> bool:
    """Return whether an annotated entity was not found, or a found entity is not annotated."""
    tally = Tally()
    tally.add(sentence, found)
    return any(counts.right < max(counts.found, counts.there) for counts in tally.types.values())


def find_mistakes(recognizer: Recognizer, sentences: Sequence[Sentence]) -> NDArray[np.bool_]:
    """Return whether the model makes a mistake in each sentence, shape (sentences,)."""
    return np.fromiter(_judge(recognizer, sentences), dtype=np.bool_, count=len(sentences))


def remember_mistakes(path: Path, recognizer: Recognizer, corpora: Corpora) -> list[NDArray[np.bool_]]:
    """Find the mistakes in each corpus once, and store them in `path`, so that a resumed run uses the same ones."""
    if not path.is_file():
        found = [find_mistakes(recognizer, sentences) for sentences, _ in tqdm(corpora, unit="corpus")]
        buffer = BytesIO()
        np.savez(buffer, *found)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
    with np.load(path) as file:
        return [file[name] for name in file.files]


def weigh(corpora: Corpora, mistakes: Sequence[NDArray[np.bool_]], more: float, less: float) -> Corpora:
    """Split each corpus in two: sentences with a mistake occur `more` times as often, the others `less` times."""
    parts: Corpora = []
    for (sentences, repeat), wrong in zip(corpora, mistakes, strict=True):
        for mistaken, factor in ((True, more), (False, less)):
            chosen = [sentence for sentence, is_wrong in zip(sentences, wrong, strict=True) if is_wrong == mistaken]
            if chosen:
                parts.append((chosen, repeat * factor))
    return parts


def _judge(recognizer: Recognizer, sentences: Sequence[Sentence]) -> Iterator[bool]:
    for first in range(0, len(sentences), _AT_ONCE):
        part = sentences[first : first + _AT_ONCE]
        read = recognizer.recognize([each.text for each in part], recognizer.types)
        for sentence, entities in zip(part, read, strict=True):
            yield is_mistaken(sentence, [Span(entity.start, entity.end, entity.type) for entity in entities])
