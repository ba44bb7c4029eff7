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

_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True)
class Weights:
    """Exponentials of the scores of a CRF. Each array has an arbitrary constant factor, which cancels out."""

    start: Doubles  # (labels,)
    end: Doubles  # (labels,)
    transitions: Doubles  # (labels from, labels to)

    @classmethod
    def of(cls, start: NDArray[np.float32], end: NDArray[np.float32], transitions: NDArray[np.float32]) -> Weights:
        """Compute the weights from scores: (labels,), (labels,), (labels from, labels to)."""
        return cls(_exponential(start), _exponential(end), _exponential(transitions))


class Lattice:
    """Forward and backward weights of a batch, scaled so that the forward weights of each position sum to one."""

    def __init__(self, weights: Weights, emissions: NDArray[np.float32], lengths: NDArray[np.intp]) -> None:
        """Run the forward and the backward pass.

        Args:
            weights: weights of the CRF
            emissions: (batch, positions, labels)
            lengths: (batch,)
        """
        batch, positions, labels = emissions.shape
        self._weights = weights
        self._lengths = lengths
        doubles = emissions.astype(np.float64)
        self._emission = np.exp(doubles - doubles.max(axis=2, keepdims=True))  # (batch, positions, labels)
        self._forward = np.empty((positions, batch, labels))
        self._backward = np.empty((positions, batch, labels))
        self._scale = np.empty((positions, batch))
        self._run_forward()
        self._run_backward()
        last = self._forward[lengths - 1, np.arange(batch)]  # (batch, labels)
        self._total = np.maximum(last @ weights.end, _TINY)  # (batch,)

    def _run_forward(self) -> None:
        weight = self._weights.start * self._emission[:, 0]  # (batch, labels)
        for position in range(len(self._forward)):
            if position:
                weight = (weight @ self._weights.transitions) * self._emission[:, position]  # (batch, labels)
            scale = np.maximum(weight.sum(axis=1), _TINY)  # (batch,)
            weight = weight / scale[:, None]
            self._forward[position], self._scale[position] = weight, scale

    def _run_backward(self) -> None:
        weight = np.broadcast_to(self._weights.end, self._backward.shape[1:])  # (batch, labels)
        self._backward[-1] = weight
        for position in range(len(self._backward) - 2, -1, -1):
            scale = self._scale[position + 1][:, None]  # (batch, 1)
            weight = ((self._emission[:, position + 1] * weight) @ self._weights.transitions.T) / scale
            weight = np.where((position < self._lengths - 1)[:, None], weight, self._weights.end)  # (batch, labels)
            self._backward[position] = weight

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
        weight = self._forward[start, row, path[0]]
        for position, (before, tag) in enumerate(pairwise(path), start + 1):
            step = self._weights.transitions[before, tag] * self._emission[row, position, tag]
            weight = weight * step / self._scale[position, row]
        behind = start + len(path)
        if excluded_next is None or behind == self._lengths[row]:
            weight = weight * self._backward[behind - 1, row, path[-1]]
        else:
            step = self._weights.transitions[path[-1]] * self._emission[row, behind]  # (labels,)
            step = step * self._backward[behind, row] / self._scale[behind, row]
            weight = weight * step[~excluded_next].sum()
        return min(max(float(weight / self._total[row]), 0.0), 1.0)


def _exponential(scores: NDArray[np.float32]) -> Doubles:
    doubles = scores.astype(np.float64)
    return np.exp(doubles - doubles.max())
