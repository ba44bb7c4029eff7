"""Spans: a path of tags to entities, in positions of a window.

The rules are those of ModelScope 1.40.2, `modelscope/pipelines/nlp/token_classification_pipeline.py`, to the letter:
B or S opens a span and closes the one before; I or E opens one only where none is open; I, E and S move its end; E and
S close it. O closes nothing, and types are not compared: B-LOC O I-PER is one LOC across the gap. A trained CRF hardly
ever takes such a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tags = NDArray[np.intp]

_OPENING = "BS"
_CONTINUING = "IE"
_EXTENDING = "IES"
_CLOSING = "ES"


@dataclass(frozen=True, slots=True)
class Span:
    """An entity in positions of a window: `start` to `end`, exclusive."""

    type: str
    start: int
    end: int
    score: float = 1.0

    def moved(self, by: int) -> Span:
        return Span(self.type, self.start + by, self.end + by, self.score)


class Labels:
    """The labels of a model in the order of its tags, in the BIO or BIOES scheme; any other label counts as O."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._prefix = [label[0] if label and label[0] in _OPENING + _CONTINUING else "O" for label in labels]
        self._type = [label[2:] for label in labels]
        self._names = np.array([prefix != "O" for prefix in self._prefix])  # (labels,)
        self.continuing = np.array([prefix in _CONTINUING for prefix in self._prefix])  # (labels,)
        self.closing = np.array([prefix in _CLOSING for prefix in self._prefix])  # (labels,)

    def spans(self, tags: Tags) -> list[Span]:
        """The spans of a path of tags, (positions,)."""
        spans: list[Span] = []
        type_, start, end = "", -1, -1

        def close() -> None:
            nonlocal start
            if start >= 0:
                spans.append(Span(type_, start, end))
            start = -1

        named = np.flatnonzero(self._names[tags])
        for position, tag in zip(named.tolist(), tags[named].tolist(), strict=True):
            prefix = self._prefix[tag]
            if prefix in _OPENING:
                close()
            if start < 0:
                type_, start, end = self._type[tag], position, position + 1
            elif prefix in _EXTENDING:
                end = position + 1
            if prefix in _CLOSING:
                close()
        close()
        return spans
