"""Convert a path of tags into spans, in positions of a window.

The rules are exactly those of ModelScope: B or S starts a span and ends the previous one. I or E starts a span only if
none is open. I, E and S extend the open span; E and S also end it. O does not end a span, and types are not compared:
B-LOC O I-PER is one LOC that includes the gap. A trained CRF produces such a path very rarely.

Source: ModelScope 1.40.2, `modelscope/pipelines/nlp/token_classification_pipeline.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ner_runtime.entities import EntitySource

Tags = NDArray[np.intp]

_OPENING = "BS"
_CONTINUING = "IE"
_EXTENDING = "IES"
_CLOSING = "ES"


@dataclass(frozen=True, slots=True)
class Span:
    """An entity as the model outputs it, from position `start` to position `end` (exclusive)."""

    type: str
    start: int
    end: int
    score: float = 1.0
    source: EntitySource = "model"

    def moved(self, by: int) -> Span:
        """A copy with both positions increased by `by`."""
        return Span(self.type, self.start + by, self.end + by, self.score, self.source)


class Labels:
    """The labels of a model, in tag order, in the BIO or BIOES scheme. Any other label is treated as O."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._prefix = [label[0] if label and label[0] in _OPENING + _CONTINUING else "O" for label in labels]
        self._type = [label[2:] for label in labels]
        self._names = np.array([prefix != "O" for prefix in self._prefix])  # (labels,)
        self.continuing = np.array([prefix in _CONTINUING for prefix in self._prefix])  # (labels,)
        self.closes = [prefix in _CLOSING for prefix in self._prefix]  # (labels,)

    def spans(self, tags: Tags, *, gaps: bool = True) -> list[Span]:
        """Return the spans of a path of tags, (positions,). Without `gaps`, O ends a span."""
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
            if prefix in _OPENING or (not gaps and position > end):
                close()
            if start < 0:
                type_, start, end = self._type[tag], position, position + 1
            elif prefix in _EXTENDING:
                end = position + 1
            if prefix in _CLOSING:
                close()
        close()
        return spans


def in_code_points(spans: Sequence[Span], offsets: NDArray[np.int32]) -> list[Span]:
    """Convert spans of words to spans of code points.

    If several words come from one code point, it belongs to the first span that contains its last word.

    Args:
        spans: sorted and disjoint, in positions
        offsets: (positions, 2), start and end of each word in code points
    """
    converted: list[Span] = []
    reached = 0
    for span in spans:
        start, end = max(int(offsets[span.start, 0]), reached), int(offsets[span.end - 1, 1])
        if start < end:
            converted.append(Span(span.type, start, end, span.score))
            reached = end
    return converted
