"""Convert spans to BIOES labels and back, and find the labels that a partially annotated sentence allows.

All corpora share one tagset. If a corpus does not annotate a type, a position outside all entities may have any label
of that type. A position in a span of unknown type may have any label (partial annotation: Tsuboi et al., 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.corpora import Sentence, Span

Allowed = NDArray[np.bool_]

OUTSIDE = "O"
_PREFIXES = "BIES"
# After B or I the entity continues; after E, S or O it does not.
_GOES_ON = frozenset("BI")


@dataclass(frozen=True)
class Tagset:
    """The labels of a list of types: O first, then B, I, E and S of each type."""

    types: tuple[str, ...]

    @property
    def labels(self) -> list[str]:
        return [OUTSIDE, *(f"{prefix}-{type_}" for type_ in self.types for prefix in _PREFIXES)]

    def __len__(self) -> int:
        return 1 + len(_PREFIXES) * len(self.types)

    def label(self, prefix: str, type_: str) -> int:
        """Return the index of the label `prefix`-`type_`."""
        return 1 + len(_PREFIXES) * self.types.index(type_) + _PREFIXES.index(prefix)

    def labels_of(self, type_: str) -> slice:
        first = self.label("B", type_)
        return slice(first, first + len(_PREFIXES))

    def encode(self, length: int, spans: Sequence[Span]) -> NDArray[np.int64]:
        """Return the labels of a fully annotated text; spans of unknown type are skipped.

        Returns:
            (length,)
        """
        labels = np.zeros(length, dtype=np.int64)  # (length,)
        for span in spans:
            if span.type is None:
                continue
            if span.end - span.start == 1:
                labels[span.start] = self.label("S", span.type)
                continue
            labels[span.start : span.end] = self.label("I", span.type)
            labels[span.start] = self.label("B", span.type)
            labels[span.end - 1] = self.label("E", span.type)
        return labels

    def decode(self, labels: Sequence[int]) -> list[Span]:
        """Return the spans of a legal path of labels; an entity without an end is dropped."""
        spans: list[Span] = []
        start = 0
        for position, label in enumerate(labels):
            if label == 0:
                continue
            type_, prefix = divmod(label - 1, len(_PREFIXES))
            if _PREFIXES[prefix] in "BS":
                start = position
            if _PREFIXES[prefix] in "ES":
                spans.append(Span(start, position + 1, self.types[type_]))
        return spans

    def allowed(self, sentence: Sentence) -> Allowed:
        """Return which labels each position of a sentence may have.

        Returns:
            (code points, labels); at least one legal path is allowed
        """
        length = len(sentence.text)
        allowed = np.zeros((length, len(self)), dtype=np.bool_)  # (code points, labels)
        allowed[:, 0] = True
        for type_ in self.types:
            if type_ not in sentence.annotated:
                allowed[:, self.labels_of(type_)] = True
        labels = self.encode(length, sentence.spans)  # (code points,)
        for span in sentence.spans:
            allowed[span.start : span.end] = span.type is None
            if span.type is not None:
                inside = np.arange(span.start, span.end)  # (span,)
                allowed[inside, labels[inside]] = True
        return allowed

    def legal_transitions(self) -> Allowed:
        """Return which label may follow which: (labels, labels), true if the second may follow the first."""
        return np.array([[self._may_follow(i, j) for j in range(len(self))] for i in range(len(self))])

    def legal_starts(self) -> Allowed:
        """Return which labels a text may begin with: (labels,)."""
        return np.array([not self._continues(label) for label in range(len(self))])

    def legal_ends(self) -> Allowed:
        """Return which labels a text may end with: (labels,)."""
        return np.array([not self._goes_on(label) for label in range(len(self))])

    def _prefix(self, label: int) -> str:
        return OUTSIDE if label == 0 else _PREFIXES[(label - 1) % len(_PREFIXES)]

    def _goes_on(self, label: int) -> bool:
        return self._prefix(label) in _GOES_ON

    def _continues(self, label: int) -> bool:
        return self._prefix(label) in "IE"

    def _may_follow(self, first: int, second: int) -> bool:
        if not self._goes_on(first):
            return not self._continues(second)
        same_type = (first - 1) // len(_PREFIXES) == (second - 1) // len(_PREFIXES)
        return self._continues(second) and same_type
