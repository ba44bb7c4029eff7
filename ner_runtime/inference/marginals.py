"""Compute marginal probabilities of spans under a CRF, with the forward-backward algorithm in NumPy.

The score of an entity is the probability of all its tags together. ModelScope reports the softmax of the emission at
the first tag instead, which says nothing about where the entity ends.

Source: Lafferty et al. 2001; scaling after Rabiner 1989.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

# Of a transition, relative to the best one. Without it, forbidden transitions could make all forward weights zero, or
# a backward weight infinite; both are then divided by at least this number.
_LEAST_WEIGHT = 1e-300


@dataclass(frozen=True, slots=True)
class Weights:
    """Exponentials of the scores of a CRF. Each array has an arbitrary constant factor, which cancels out."""

    start: Doubles  # (labels,)
    end: Doubles  # (labels,)
    transitions: Doubles  # (labels from, labels to)
    transposed: Doubles  # (labels to, labels from)
    ones: Doubles  # (labels, 1)

    @classmethod
    def of(cls, start: NDArray[np.float32], end: NDArray[np.float32], transitions: NDArray[np.float32]) -> Weights:
        """Compute the weights from scores: (labels,), (labels,), (labels from, labels to)."""
        weights = _exponential(transitions)
        transposed = np.ascontiguousarray(weights.T)
        return cls(_exponential(start), _exponential(end), weights, transposed, np.ones((len(start), 1)))


class Lattice:
    """Forward and backward weights of a batch, scaled so that the forward weights of each position sum to one."""

    def __init__(
        self, weights: Weights, emissions: NDArray[np.float32], lengths: NDArray[np.intp], first: int = 0
    ) -> None:
        """Run the forward pass and, back to position `first`, the backward pass.

        Args:
            weights: weights of the CRF
            emissions: (batch, positions, labels)
            lengths: (batch,)
            first: the lowest position at which a path ends; no earlier backward weights are needed
        """
        by_position = emissions.transpose(1, 0, 2).astype(np.float64, order="C")  # (positions, batch, labels)
        by_position -= by_position.max(axis=2, keepdims=True)
        self._weights = weights
        self._lengths = lengths
        self._emission = np.exp(by_position, out=by_position)
        self._forward = np.empty_like(by_position)
        self._backward = np.empty_like(by_position)
        # From here on, the emissions of each position are divided by its scale.
        self._emission /= self._run_forward()
        self._run_backward(first)

    def _run_forward(self) -> Doubles:
        """Compute the forward weights; return the scale of each position, (positions, batch, 1)."""
        scales = np.empty((*self._forward.shape[:2], 1))
        for position in range(len(scales)):
            forward, scale = self._forward[position], scales[position]
            if position:
                np.dot(self._forward[position - 1], self._weights.transitions, out=forward)
                np.multiply(forward, self._emission[position], out=forward)
            else:
                np.multiply(self._weights.start, self._emission[0], out=forward)
            np.dot(forward, self._weights.ones, out=scale)
            np.divide(forward, scale, out=forward)
        return scales

    def _run_backward(self, first: int) -> None:
        """Compute the backward weights from position `first` on."""
        emissions, backward = self._emission, self._backward
        backward[-1] = self._weights.end
        ending = rows_by_length(self._lengths)
        weighted = np.empty_like(backward[0])  # (batch, labels)
        for position in range(len(backward) - 1, first, -1):
            np.multiply(emissions[position], backward[position], out=weighted)
            np.dot(weighted, self._weights.transposed, out=backward[position - 1])
            if position in ending:
                backward[position - 1, ending[position]] = self._weights.end

    def probability(
        self, row: int, start: int, path: NDArray[np.intp], excluded_next: NDArray[np.bool_] | None = None
    ) -> float:
        """Return the probability, from 0 to 1, that a row has the tags `path` from position `start` on.

        Args:
            row: index of the row in the batch
            start: position of the first tag of the path
            path: (tags,)
            excluded_next: (labels,), true for tags that must not follow the path; None allows any tag
        """
        tags = path.tolist()
        emissions, transitions = self._emission, self._weights.transitions
        weight = self._forward.item(start, row, tags[0])
        for position, (before, tag) in enumerate(pairwise(tags), start + 1):
            weight *= transitions.item(before, tag) * emissions.item(position, row, tag)
        behind = start + len(tags)
        if excluded_next is None or behind == self._lengths[row]:
            weight *= self._backward.item(behind - 1, row, tags[-1])
        else:
            step = transitions[tags[-1]] * emissions[behind, row] * self._backward[behind, row]  # (labels,)
            weight *= float(step[~excluded_next].sum())
        # The same at every position that both passes have reached.
        total = float(self._forward[behind - 1, row].dot(self._backward[behind - 1, row]))
        return min(max(weight / total, 0.0), 1.0)


def rows_by_length(lengths: NDArray[np.intp]) -> dict[int, list[int]]:
    """Return the rows of each length, if they differ in length; (batch,)."""
    rows: dict[int, list[int]] = {}
    for row, length in enumerate(lengths.tolist()):
        rows.setdefault(length, []).append(row)
    return rows


def _exponential(scores: NDArray[np.float32]) -> Doubles:
    doubles = scores.astype(np.float64)
    return np.maximum(np.exp(doubles - doubles.max()), _LEAST_WEIGHT)
