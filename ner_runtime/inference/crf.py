"""Decode emissions into scored spans with a linear-chain CRF: batched Viterbi and marginals, in NumPy.

A path y of tags has the score start[y_0] + sum_t emission[t, y_t] + sum_t transition[y_t-1, y_t] + end[y_T-1]. The CRF
covers the first piece of each code point only: never [CLS], [SEP] or padding.

Source: ModelScope 1.40.2, `modelscope/models/nlp/heads/crf_head.py`, which is based on torchcrf.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner_runtime.errors import InvalidModel
from ner_runtime.inference.marginals import Lattice, Weights, rows_by_length
from ner_runtime.inference.spans import Labels, Span, Tags

Floats = NDArray[np.float32]

# In batches of more rows, the best paths of all rows are traced together, which needs more operations per position.
_MAX_TRACED_ALONE = 4


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
        self._incoming = np.ascontiguousarray(transitions.T)  # (labels to, labels from)
        self._incoming_rows = list(self._incoming)

    @classmethod
    def from_file(cls, path: Path, labels: Sequence[str]) -> Crf:
        """Read `crf.npz`.

        Raises:
            InvalidModel: the file cannot be read or does not match the labels.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                start, end, transitions = (
                    np.asarray(arrays[name], dtype=np.float32)
                    for name in ("start_transitions", "end_transitions", "transitions")
                )
        except (OSError, ValueError, KeyError, EOFError) as error:
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
        if rows:
            first = min(found[row][0].end for row in rows) - 1
            lattice = Lattice(self._weights, emissions[rows], np.asarray(lengths, dtype=np.intp)[rows], first)
            for index, row in enumerate(rows):
                found[row] = [self._scored(lattice, index, span, paths[row].tags) for span in found[row]]
        return found

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
        return [
            min(sum(self._probability(lattice, 0, start, np.array(path, dtype=np.intp)) for path in paths), 1.0)
            for start, paths in places
        ]

    def _scored(self, lattice: Lattice, row: int, span: Span, tags: Tags) -> Span:
        score = self._probability(lattice, row, span.start, tags[span.start : span.end])
        return Span(span.type, span.start, span.end, score)

    def _probability(self, lattice: Lattice, row: int, start: int, path: Tags) -> float:
        # A span that ends with B or I ends there only if the next tag does not continue it.
        excluded_next = None if self._labels.closing[path[-1]] else self._labels.continuing
        return lattice.probability(row, start, path, excluded_next)

    def viterbi(self, emissions: Floats, lengths: Tags) -> Tags:
        """Return the best path of each row. Like ModelScope, it computes in float32 and resolves ties to the lower tag.

        Args:
            emissions: (batch, positions, labels)
            lengths: (batch,)

        Returns:
            (batch, positions); values past the length of a row are undefined.
        """
        by_position = np.ascontiguousarray(emissions.transpose(1, 0, 2))  # (positions, batch, labels)
        scores = self._best_scores(by_position)  # (positions, batch, labels)
        last = (scores[lengths - 1, np.arange(len(lengths))] + self._end).argmax(axis=1)  # (batch,)
        if len(lengths) > _MAX_TRACED_ALONE:
            return self._trace_together(scores, by_position, lengths, last)
        path = np.zeros(emissions.shape[:2], dtype=np.intp)
        for row, size in enumerate(lengths.tolist()):
            path[row, :size] = self._trace(scores[:size, row], by_position[:size, row], int(last[row]))
        return path

    def _best_scores(self, emissions: Floats) -> Floats:
        """Return the score of the best path that ends with each tag; both (positions, batch, labels)."""
        scores = np.empty_like(emissions)
        np.add(self._start, emissions[0], out=scores[0])
        previous = scores.transpose(0, 2, 1)[:-1, :, :, None]  # (positions - 1, labels from, batch, 1)
        transitions = self._transitions[:, None]  # (labels from, 1, labels to)
        arriving = np.empty((scores.shape[2], *scores.shape[1:]), dtype=np.float32)  # (labels from, batch, labels to)
        for before, emission, score in zip(previous, emissions[1:], scores[1:], strict=True):
            np.add(before, transitions, out=arriving)
            # The maximum over the first axis is several times as fast as over the second.
            np.maximum.reduce(arriving, axis=0, out=score)
            # The emission is the same for every previous tag, so it is added after the maximum; rounding is monotonic.
            np.add(score, emission, out=score)
        return scores

    # Previous tags are computed for the best path only. ModelScope adds in this order; another order rounds differently
    # and resolves ties differently.

    def _trace(self, scores: Floats, emissions: Floats, tag: int) -> list[int]:
        """Return the best path of one row that ends with `tag`, from (positions, labels) twice."""
        path = [tag]
        arriving = np.empty_like(scores[0])  # (labels from,)
        for score, emission in zip(scores[-2::-1], emissions[:0:-1], strict=True):
            np.add(score, self._incoming_rows[tag], out=arriving)
            np.add(arriving, emission[tag], out=arriving)
            tag = int(arriving.argmax())
            path.append(tag)
        path.reverse()
        return path

    def _trace_together(self, scores: Floats, emissions: Floats, lengths: Tags, last: Tags) -> Tags:
        """Return the best path of each row, (batch, positions), from (positions, batch, labels) twice."""
        positions, batch, _ = scores.shape
        rows = np.arange(batch)
        ending = rows_by_length(lengths)
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
