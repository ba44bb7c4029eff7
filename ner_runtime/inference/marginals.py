"""Compute marginal probabilities of spans under a CRF, with the forward-backward algorithm in NumPy.

The score of an entity is the probability of all its tags together. ModelScope reports the softmax of the emission at
the first tag instead, which says nothing about where the entity ends.

Source: Lafferty et al. 2001; scaling after Rabiner 1989.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

# Of a transition, relative to the best one. Without it, forbidden transitions could make all forward weights zero, or
# a backward weight infinite; both are then divided by at least this number.
_LEAST_WEIGHT = 1e-300
# The forward weights are scaled at every eighth position. If the sum of some is then lower than this, which only rare
# transitions cause, they are computed again and scaled at every position.
_SCALED_EVERY = 8
_LEAST_SUM = 1e-100
# The same for a row on its own, which is computed again with `Lattice` if a sum is too low.
_ROW_SCALED_EVERY = 16


@dataclass(frozen=True, slots=True)
class Weights:
    """Exponentials of the scores of a CRF. Each array has an arbitrary constant factor, which cancels out."""

    start: Doubles  # (labels,)
    end: Doubles  # (labels,)
    transitions: Doubles  # (labels from, labels to)
    transposed: Doubles  # (labels to, labels from)
    ones: Doubles  # (labels, 1)
    ends: Doubles  # (2 x labels,): start and end
    both: Doubles  # (2 x labels, 2 x labels): the transitions forward and backward, on the diagonal
    halves: Doubles  # (2 x labels, 2): which of the labels are those of the forward and of the backward pass

    @classmethod
    def of(cls, start: NDArray[np.float32], end: NDArray[np.float32], transitions: NDArray[np.float32]) -> Weights:
        """Compute the weights from scores: (labels,), (labels,), (labels from, labels to)."""
        weights = _exponential(transitions)
        transposed = np.ascontiguousarray(weights.T)
        ones, none = np.ones((len(start), 1)), np.zeros_like(weights)
        ends = _exponential(start), _exponential(end)
        both = np.block([[weights, none], [none, transposed]])
        halves = np.block([[ones, 0 * ones], [0 * ones, ones]])
        return cls(*ends, weights, transposed, ones, np.concatenate(ends), both, halves)


class Lattice:
    """Forward and backward weights of a batch, scaled so that the forward weights of some positions sum to one."""

    def __init__(
        self,
        weights: Weights,
        emissions: NDArray[np.float32],
        lengths: NDArray[np.intp],
        first: int = 0,
        last: int | None = None,
    ) -> None:
        """Run the forward pass up to `last` and the backward pass down to `first`.

        Args:
            weights: weights of the CRF
            emissions: (batch, positions, labels)
            lengths: (batch,)
            first: the lowest position at which a path ends; no earlier backward weights are needed
            last: the highest position at which a path begins; no later forward weights are needed. None: any
        """
        by_position = emissions.transpose(1, 0, 2).astype(np.float64, order="C")  # (positions, batch, labels)
        by_position -= by_position.max(axis=2, keepdims=True)
        self._weights = weights
        self._lengths: list[int] = lengths.tolist()
        self._emission = np.exp(by_position, out=by_position)
        # Both passes must reach `first`: there, the total weight of all paths of a row is computed.
        stop = len(by_position) if last is None else max(first, last) + 1
        self._forward: Doubles = np.empty((stop, *by_position.shape[1:]))
        self._backward: Doubles = np.empty_like(by_position)
        every = _SCALED_EVERY
        if not self._run_forward(every):
            every = 1
            self._run_forward(every)
        self._run_backward(first, every)
        self._totals: list[float] = np.vecdot(self._forward[first], self._backward[first]).tolist()

    def _run_forward(self, every: int) -> bool:
        """Compute the forward weights and scale them, and the emissions, at every n-th position.

        Returns whether the weights are large enough; if not, the emissions are unchanged.
        """
        transitions, ones = self._weights.transitions, self._weights.ones
        forwards = list(self._forward)
        scales = np.empty((-(-len(forwards) // every), *self._forward.shape[1:2], 1))  # (scaled positions, batch, 1)
        forward = forwards[0]
        np.multiply(self._weights.start, self._emission[0], out=forward)
        with np.errstate(divide="ignore", invalid="ignore"):
            for position, emission in enumerate(self._emission[: len(forwards)]):
                if position:
                    before, forward = forward, forwards[position]
                    np.dot(before, transitions, out=forward)
                    np.multiply(forward, emission, out=forward)
                if position % every == 0:
                    scale = scales[position // every]
                    np.dot(forward, ones, out=scale)
                    np.divide(forward, scale, out=forward)
        # Not a number is not at least `_LEAST_SUM` either.
        if every > 1 and not scales.min() >= _LEAST_SUM:
            return False
        self._emission[: len(forwards) : every] /= scales
        return True

    def _run_backward(self, first: int, every: int) -> None:
        """Compute the backward weights from position `first` on.

        Scales them, and the emissions, at every n-th position that the forward pass has not reached.
        """
        reached = len(self._forward)
        backwards = list(self._backward[first:])
        self._backward[-1] = self._weights.end
        ending = rows_by_length(self._lengths)
        transposed = self._weights.transposed
        weighted = np.empty_like(self._backward[0])  # (batch, labels)
        backward = backwards[-1]
        for position, emission in zip(
            range(len(self._backward) - 1, first, -1), self._emission[:first:-1], strict=True
        ):
            np.multiply(emission, backward, out=weighted)
            if position >= reached and position % every == 0:
                scale = np.maximum(weighted.max(axis=1, keepdims=True), _LEAST_WEIGHT)
                np.divide(weighted, scale, out=weighted)
                np.divide(emission, scale, out=emission)
            backward = backwards[position - 1 - first]
            np.dot(weighted, transposed, out=backward)
            if position in ending:
                backward[ending[position]] = self._weights.end

    def probability(self, row: int, start: int, path: Sequence[int], following: Doubles | None = None) -> float:
        """Return the probability, from 0 to 1, that a row has the tags `path` from position `start` on.

        Args:
            row: index of the row in the batch
            start: position of the first tag of the path
            path: the tags
            following: (labels,), weights of the transitions to the tag after the path; None: those of the CRF
        """
        emissions, transitions = self._emission, self._weights.transitions
        weight = self._forward.item(start, row, path[0])
        for position, (before, tag) in enumerate(pairwise(path), start + 1):
            weight *= transitions.item(before, tag) * emissions.item(position, row, tag)
        behind = start + len(path)
        if following is None or behind == self._lengths[row]:
            weight *= self._backward.item(behind - 1, row, path[-1])
        else:
            weight *= float((following * emissions[behind, row]).dot(self._backward[behind, row]))
        total = self._totals[row]
        # If the scores are beyond the range of the weights, the total can be zero or not a number.
        share = weight / total if total > 0 else 0.0
        return min(share, 1.0) if share > 0 else 0.0


class RowLattice:
    """Forward and backward weights of one row.

    Step n computes position n forward, and position n from the end backward. Both passes share each operation, because
    for one row, the call of an operation costs more than its arithmetic.
    """

    def __init__(self, weights: Weights, emissions: NDArray[np.float32], first: int, last: int) -> None:
        """Run both passes as far as needed.

        Args:
            weights: weights of the CRF
            emissions: (positions, labels)
            first: the lowest position at which a path ends
            last: the highest position at which a path ends
        """
        length, labels = emissions.shape
        steps = max(length - first, last + 1)
        doubles = emissions.astype(np.float64)
        doubles -= doubles.max(axis=1, keepdims=True)
        np.exp(doubles, out=doubles)
        self._weights = weights
        self._length = length
        self._labels = labels
        self._emission = np.concatenate([doubles, doubles[::-1]], axis=1)  # (positions, 2 x labels)
        self._arriving = np.empty((steps, 2 * labels))  # without the emission of the position
        self._leaving = np.empty_like(self._arriving)  # with it
        self._first = first
        self._totals: list[float] = []
        in_range = self._run()
        if in_range:
            backward = self._arriving[length - 1 - last : length - first, labels:][::-1]  # (positions, labels)
            self._totals = np.vecdot(self._leaving[first : last + 1, :labels], backward).tolist()  # (positions,)
            in_range = _large_enough(self._totals)
        self.in_range = in_range
        """Whether the weights are exact. If not, use `Lattice`, which scales them otherwise."""

    def _run(self) -> bool:
        """Compute the weights of both passes, and divide them by their sums every `_ROW_SCALED_EVERY` steps.

        The emissions of these steps are divided too, so that the probability of a path stays the same.

        Returns whether the sums are large enough; if not, the weights are incomplete.
        """
        both, halves = self._weights.both, self._weights.halves
        # With lists and positional arguments, the calls take less time.
        emissions, arrivals, departures = list(self._emission), list(self._arriving), list(self._leaving)
        arrivals[0][:] = self._weights.ends
        leaving = departures[0]
        np.multiply(arrivals[0], emissions[0], leaving)
        for begin in range(1, len(arrivals), _ROW_SCALED_EVERY):
            block = slice(begin, begin + _ROW_SCALED_EVERY)
            for arriving, emission, departure in zip(
                arrivals[block], emissions[block], departures[block], strict=False
            ):
                np.dot(leaving, both, arriving)
                leaving = departure
                np.multiply(arriving, emission, leaving)
            sums = np.dot(leaving, halves)  # (2,)
            if not _large_enough(sums.tolist()):
                return False
            scale = np.dot(halves, sums)  # (2 x labels,)
            np.divide(leaving, scale, leaving)
            emission = emissions[min(block.stop, len(arrivals)) - 1]
            np.divide(emission, scale, emission)
        return True

    def probability(self, _row: int, start: int, path: Sequence[int], following: Doubles | None = None) -> float:
        """Return the probability of `path` from `start` on; see `Lattice.probability`."""
        emissions, transitions, labels = self._emission, self._weights.transitions, self._labels
        weight = self._leaving.item(start, path[0])
        for position, (before, tag) in enumerate(pairwise(path), start + 1):
            weight *= transitions.item(before, tag) * emissions.item(position, tag)
        # Step of the backward pass at the last position of the path.
        end = start + len(path) - 1
        step = self._length - 1 - end
        if following is None or step == 0:
            weight *= self._arriving.item(step, labels + path[-1])
        else:
            weight *= float(following.dot(self._leaving[step - 1, labels:]))
        return min(weight / self._totals[end - self._first], 1.0)


def _large_enough(sums: Sequence[float]) -> bool:
    # Not a number is not large enough either.
    return all(value >= _LEAST_SUM for value in sums)


def rows_by_length(lengths: Sequence[int]) -> dict[int, list[int]]:
    """Return the rows of each length; (batch,)."""
    rows: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        rows.setdefault(length, []).append(row)
    return rows


def _exponential(scores: NDArray[np.float32]) -> Doubles:
    doubles = scores.astype(np.float64)
    return np.maximum(np.exp(doubles - doubles.max()), _LEAST_WEIGHT)
