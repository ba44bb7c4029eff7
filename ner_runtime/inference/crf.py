"""Decode emissions into scored spans with a linear-chain CRF: batched Viterbi and marginals, in NumPy.

A path y of tags has the score start[y_0] + sum_t emission[t, y_t] + sum_t transition[y_t-1, y_t] + end[y_T-1]. The CRF
covers the first piece of each code point only: never [CLS], [SEP] or padding.

Source: ModelScope 1.40.2, `modelscope/models/nlp/heads/crf_head.py`, which is based on torchcrf.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ner_runtime.errors import InvalidModel
from ner_runtime.inference.marginals import Lattice, RowLattice, Weights, rows_by_length
from ner_runtime.inference.spans import Labels, Span, Tags

Floats = NDArray[np.float32]

# In batches of more rows, the best paths of all rows are traced together, which needs more operations per position.
_MAX_TRACED_ALONE = 12
# FP32 numbers in a vector of a processor with AVX2; a multiple of it in others.
_VECTOR = 8


class BestPath(NamedTuple):
    """The best tags of a row, (positions,), and their spans, which have no scores yet."""

    tags: Tags
    spans: list[Span]


class Crf:
    """A trained CRF: its transitions and the labels of its tags."""

    def __init__(self, labels: Sequence[str], start: Floats, end: Floats, transitions: Floats) -> None:
        """Build a CRF.

        Args:
            labels: the labels, in tag order
            start: (labels,), score of starting with a tag
            end: (labels,), score of ending with a tag
            transitions: (labels from, labels to), score of a pair of neighbouring tags

        Raises:
            InvalidModel: the shapes do not match the labels, or a number is not finite.
        """
        count = len(labels)
        if start.shape != (count,) or end.shape != (count,) or transitions.shape != (count, count):
            raise InvalidModel(f"the shapes of the CRF do not match its {count} labels")
        if not all(np.isfinite(array).all() for array in (start, end, transitions)):
            raise InvalidModel("the CRF contains numbers that are not finite")
        self._labels = Labels(labels)
        self._weights = Weights.of(start, end, transitions)
        self._start = start
        self._end = end
        self._transitions = transitions
        # Padded to full vectors; the sums of the padding are never read.
        width = -(-count // _VECTOR) * _VECTOR
        self._wide_transitions = np.zeros((count, width), dtype=np.float32)  # (labels from, width)
        self._wide_transitions[:, :count] = transitions
        self._incoming = np.ascontiguousarray(transitions.T)  # (labels to, labels from)
        self._incoming_rows = list(self._incoming)
        self._outside = labels.index("O") if "O" in labels else 0
        # Weights of the transitions to tags that do not continue an entity.
        self._ending = np.where(self._labels.continuing, 0.0, self._weights.transitions)  # (labels from, labels to)

    @classmethod
    def from_file(cls, path: Path, labels: Sequence[str]) -> Crf:
        """Read `crf.npz`.

        Raises:
            InvalidModel: the file cannot be read or does not match the labels.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                start, end, transitions = (
                    np.asarray(arrays[name], dtype=np.float32)
                    for name in ("start_transitions", "end_transitions", "transitions")
                )
        except (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile, zlib.error) as error:
            raise InvalidModel(f"{path} cannot be read: {error}") from None
        return cls(labels, start, end, transitions)

    def decode(self, emissions: Floats, lengths: Sequence[int], bias: Floats | None = None) -> list[list[Span]]:
        """Return the spans of each row, with their marginal probabilities as scores.

        Args:
            emissions: (batch, positions, labels); positions of row i from `lengths[i]` on are ignored
            lengths: (batch,), each at least 1
            bias: (batch, positions, labels), added to the emissions to find the best path, but not for the scores;
                minus infinity excludes a tag
        """
        return self.scored(emissions, lengths, self.best_paths(emissions, lengths, bias))

    def best_paths(self, emissions: Floats, lengths: Sequence[int], bias: Floats | None = None) -> list[BestPath]:
        """Return the best path of each row; see `decode`."""
        sizes = np.asarray(lengths, dtype=np.intp)  # (batch,)
        tags = self.viterbi(emissions if bias is None else emissions + bias, sizes)  # (batch, positions)
        # With a bias, O ends a span, so that the span of a lexicon's entry ends where the entry ends.
        biased = [False] * len(sizes) if bias is None else np.any(bias, axis=(1, 2)).tolist()
        return [
            BestPath(row[:size], self._labels.spans(row[:size], gaps=not is_biased))
            for row, size, is_biased in zip(tags, lengths, biased, strict=True)
        ]

    def scored(self, emissions: Floats, lengths: Sequence[int], paths: Sequence[BestPath]) -> list[list[Span]]:
        """Return the spans of paths, with their marginal probabilities as scores.

        Args:
            emissions: (batch, positions, labels)
            lengths: (batch,)
            paths: the path of each row
        """
        found = [path.spans for path in paths]
        rows = [row for row, spans in enumerate(found) if spans]
        if not rows:
            return found
        lattice = self._lattice(emissions, lengths, found, rows)
        for index, row in enumerate(rows):
            tags: list[int] = paths[row].tags.tolist()
            found[row] = [self._scored(lattice, index, span, tags) for span in found[row]]
        return found

    def _lattice(
        self, emissions: Floats, lengths: Sequence[int], found: Sequence[Sequence[Span]], rows: Sequence[int]
    ) -> Lattice | RowLattice:
        """Compute the weights of `rows`, as far as the spans found in them need them."""
        first = min(found[row][0].end for row in rows) - 1
        if len(rows) == 1:
            (row,) = rows
            lattice = RowLattice(self._weights, emissions[row, : lengths[row]], first, found[row][-1].end - 1)
            if lattice.in_range:
                return lattice
        last = max(found[row][-1].start for row in rows)
        sizes = np.asarray(lengths, dtype=np.intp)
        own = (emissions, sizes) if len(rows) == len(found) else (emissions[rows], sizes[rows])
        return Lattice(self._weights, *own, first, last)

    def probabilities(
        self, emissions: Floats, length: int, places: Iterable[tuple[int, Iterable[Sequence[int]]]]
    ) -> list[float]:
        """Return, for each place, the probability that a row has one of several spans there, which exclude each other.

        Args:
            emissions: (1, positions, labels)
            length: number of positions of the row
            places: first position of the spans, and the tags of each span
        """
        lattice = Lattice(self._weights, emissions, np.array([length], dtype=np.intp))
        return [min(sum(self._probability(lattice, 0, start, path) for path in paths), 1.0) for start, paths in places]

    def _scored(self, lattice: Lattice | RowLattice, row: int, span: Span, tags: Sequence[int]) -> Span:
        score = self._probability(lattice, row, span.start, tags[span.start : span.end])
        return Span(span.type, span.start, span.end, score)

    def _probability(self, lattice: Lattice | RowLattice, row: int, start: int, path: Sequence[int]) -> float:
        # A span that ends with B or I ends there only if the next tag does not continue it.
        return lattice.probability(row, start, path, None if self._labels.closes[path[-1]] else self._ending[path[-1]])

    def viterbi(self, emissions: Floats, lengths: Tags) -> Tags:
        """Return the best path of each row. Like ModelScope, it computes in float32 and resolves ties to the lower tag.

        Args:
            emissions: (batch, positions, labels)
            lengths: (batch,)

        Returns:
            (batch, positions); values past the length of a row are undefined.
        """
        if len(lengths) == 1:
            return self._viterbi_of_one(emissions[0, : lengths[0]], emissions.shape[:2])
        # With the longest row first, the rows that reach a position are the first ones.
        order = np.argsort(-lengths, kind="stable")  # (batch,)
        sizes = lengths[order]  # (batch,)
        by_position = emissions.transpose(1, 0, 2).take(order, axis=1)  # (positions, batch, labels)
        scores = self._best_scores(by_position, sizes.tolist())  # (positions, batch, labels)
        last = (scores[sizes - 1, np.arange(len(sizes))] + self._end).argmax(axis=1)  # (batch,)
        trace = self._trace_each if len(sizes) <= _MAX_TRACED_ALONE else self._trace_together
        paths = np.empty(emissions.shape[:2], dtype=np.intp)
        paths[order] = trace(scores, by_position, sizes, last)
        return paths

    def _viterbi_of_one(self, emissions: Floats, shape: tuple[int, ...]) -> Tags:
        """Return the best path of one row, of `shape` (1, positions), from (length, labels)."""
        length, labels = emissions.shape
        width = self._wide_transitions.shape[1]
        wide = np.zeros((length, width), dtype=np.float32)
        wide[:, :labels] = emissions
        scores = np.empty_like(wide)
        wide[0, :labels] += self._start
        scores[0] = wide[0]
        arriving = np.empty_like(self._wide_transitions)  # (labels from, width)
        add, largest = np.add, np.maximum.reduce
        # The same operations as in `_best_scores`. Positional arguments and full vectors take less time.
        for before, emission, score in zip(scores[:-1, :labels, None], wide[1:], scores[1:], strict=True):
            add(before, self._wide_transitions, arriving)
            largest(arriving, 0, None, score)
            add(score, emission, score)
        of_labels = scores[:, None, :labels]  # (length, 1, labels)
        last = (of_labels[-1] + self._end).argmax(axis=1)  # (1,)
        path = np.zeros(shape, dtype=np.intp)
        path[:, :length] = self._trace_each(of_labels, emissions[:, None], np.array([length]), last)
        return path

    def _best_scores(self, emissions: Floats, sizes: Sequence[int]) -> Floats:
        """Return the score of the best path that ends with each tag; both (positions, batch, labels).

        `sizes` are the lengths of the rows, longest first; scores past the length of a row are zero.
        """
        _, batch, labels = emissions.shape
        scores = np.zeros_like(emissions)
        np.add(self._start, emissions[0], out=scores[0])
        transitions = self._transitions[:, None]  # (labels from, 1, labels to)
        buffer = np.empty(labels * batch * labels, dtype=np.float32)
        begin = 1
        for rows in range(batch, 0, -1):
            stop = sizes[rows - 1]
            if stop <= begin:
                continue
            before_all = scores.transpose(0, 2, 1)[begin - 1 : stop - 1, :, :rows, None]
            arriving = buffer[: labels * rows * labels].reshape(labels, rows, labels)  # (labels from, rows, labels to)
            for before, emission, score in zip(
                before_all, emissions[begin:stop, :rows], scores[begin:stop, :rows], strict=True
            ):
                np.add(before, transitions, out=arriving)
                # The maximum over the first axis is several times as fast as over the second.
                np.maximum.reduce(arriving, axis=0, out=score)
                # The emission is the same for every previous tag, so it is added after the maximum; rounding is
                # monotonic.
                np.add(score, emission, out=score)
            begin = stop
        return scores

    # Previous tags are computed for the best path only. ModelScope adds in this order; another order rounds differently
    # and resolves ties differently.

    def _trace_each(self, scores: Floats, emissions: Floats, lengths: Tags, last: Tags) -> Tags:
        """Return the best path of each row, (batch, positions), from (positions, batch, labels) twice."""
        # Most tags are O: their previous tags are computed for all positions together.
        outside = self._outside
        arriving = scores[:-1] + self._incoming[outside]  # (positions - 1, batch, labels from)
        arriving += emissions[1:, :, outside, None]
        before_outside = arriving.argmax(axis=2).T.tolist()  # (batch, positions - 1)
        paths = np.zeros(scores.shape[1::-1], dtype=np.intp)
        own = np.empty(scores.shape[2], dtype=np.float32)  # (labels from,)
        for row, (size, tag, before) in enumerate(zip(lengths.tolist(), last.tolist(), before_outside, strict=True)):
            path = [tag]
            for position in range(size - 1, 0, -1):
                if tag == outside:
                    tag = before[position - 1]
                else:
                    np.add(scores[position - 1, row], self._incoming_rows[tag], out=own)
                    np.add(own, emissions[position, row, tag], out=own)
                    tag = int(own.argmax())
                path.append(tag)
            path.reverse()
            paths[row, :size] = path
        return paths

    def _trace_together(self, scores: Floats, emissions: Floats, lengths: Tags, last: Tags) -> Tags:
        """Return the best path of each row, (batch, positions), from (positions, batch, labels) twice."""
        positions, batch, _ = scores.shape
        rows = np.arange(batch)
        ending = rows_by_length(lengths.tolist())
        path = np.zeros((batch, positions), dtype=np.intp)
        tag = last
        for position in range(positions - 1, 0, -1):
            path[:, position] = tag
            arriving = scores[position - 1] + self._incoming[tag]  # (batch, labels from)
            arriving += emissions[position, rows, tag][:, None]
            tag = arriving.argmax(axis=1)
            if position in ending:
                tag[ending[position]] = last[ending[position]]
        path[:, 0] = tag
        return path
