"""Decode windows with the matches of user lexicons.

1. Occurrences with `force` are clamped: every path through the lattice has exactly these entities. Hints are a bias.
2. If an entity that the model finds is forbidden, its type is banned from that place, and the window is decoded again.
3. An occurrence with `prefer` gives way to a longer entity that contains it. The other occurrences with `prefer` are
   clamped, together with those longer entities, and the window is decoded again.

Scores are marginal probabilities under the unchanged emissions. For a type that the model does not know, the score is
the probability that the model finds an entity of any type in this place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ner_runtime.inference.constraints.tags import Place, TagTable
from ner_runtime.inference.crf import BestPath, Crf, Floats
from ner_runtime.inference.span_rules import Interval, repair_spans
from ner_runtime.inference.spans import Span
from ner_runtime.lexicon.user.entries import ANY_TYPE
from ner_runtime.lexicon.user.lexicon import Occurrence
from ner_runtime.lexicon.user.matches import TextMatches

_Positions = tuple[int, int]


@dataclass(slots=True)
class ConstrainedWindow:
    """A window with matches, and what has been decided about it so far.

    Attributes:
        text: the code points of the window
        excluded: parts of the window that no span may contain
        matches: the matches of the lexicons
        unwrap: whether spans lose a pair of marks that encloses them
        entries: the occurrences that are entities, by their positions in the window
        clamped: the places that the next path must have as entities
        banned: the places and types that the next path must not have
    """

    text: str
    excluded: Sequence[Interval]
    matches: TextMatches
    unwrap: bool
    entries: dict[_Positions, Occurrence] = field(default_factory=dict["_Positions", Occurrence])
    clamped: list[Place] = field(default_factory=list[Place])
    banned: list[Place] = field(default_factory=list[Place])

    def clamp_forced(self) -> None:
        """Clamp the occurrences with `force`."""
        forced = [name for name in self.matches.names if name.mode == "force"]
        self.entries.update((self._positions(name), name) for name in forced)
        self.clamped += [Place(name.start, name.end, name.type) for name in forced]

    def ban_forbidden(self, spans: Iterable[Span]) -> bool:
        """Ban the entities of the model that are forbidden; return whether more is banned than before."""
        if not self.matches.forbids:
            return False
        banned = set(self.banned)
        for entity in self._entities(spans):
            type_ = self.matches.forbidden(entity.type, entity.start, entity.end)
            if type_ is None:
                continue
            place = Place(entity.start, entity.end, type_)
            # The type of a span is that of its first tag, which can be before the entity: a CRF without hard
            # constraints may continue it with tags of another type.
            self.banned.append(place if place not in banned else place._replace(type=ANY_TYPE))
        grown = len(banned)
        self.banned = list(dict.fromkeys(self.banned))
        return len(self.banned) > grown

    def clamp_preferred(self, spans: Sequence[Span], tags: TagTable) -> bool:
        """Clamp the occurrences with `prefer`, or the longer entities of the model that they give way to.

        Returns whether the window must be decoded again.
        """
        preferred = [name for name in self.matches.names if name.mode == "prefer"]
        if not preferred:
            return False
        found = {(span.start, span.end): span.type for span in spans}
        # Spans are disjoint: one that becomes longer by repair reaches at most the next position.
        missed = [name for name in preferred if (name.start, name.end) not in found or name.end - name.start == 1]
        longer = self._longer(spans, missed) if missed else []
        standing = [name for name in preferred if not (longer and any(_contains(entity, name) for entity in longer))]
        again = False
        for name in standing:
            positions = self._positions(name)
            self.entries[positions] = name
            type_ = found.get(positions)
            again = again or type_ is None or (type_ != name.type and tags.knows(name.type))
        if again:
            self.clamped += [Place(one.start, one.end, one.type) for one in (*standing, *longer)]
        return again

    def _entities(self, spans: Iterable[Span]) -> list[Span]:
        """Return the spans of the model, without those of `entries`, after repair."""
        own = [span for span in spans if (span.start, span.end) not in self.entries]
        return repair_spans(self.text, own, self.excluded, unwrap=self.unwrap)

    def _longer(self, spans: Iterable[Span], names: Sequence[Occurrence]) -> list[Span]:
        """Return the entities of the model that contain one of the occurrences, and are longer."""
        # A repaired span is at most one mark longer than the span.
        around = [span for span in spans if any(_may_contain(span, name) for name in names)]
        return [entity for entity in self._entities(around) if self._is_longer(entity)] if around else []

    def _is_longer(self, entity: Span) -> bool:
        """Return whether an entity contains an occurrence, and no occurrence extends beyond it or equals it."""
        overlapping = [name for name in self.matches.names if name.start < entity.end and entity.start < name.end]
        return bool(overlapping) and all(_contains(entity, name) for name in overlapping)

    def _positions(self, name: Occurrence) -> _Positions:
        return max(name.start, 0), min(name.end, self.matches.length)


class ConstrainedDecoder:
    """Decodes windows with a CRF and the matches of lexicons."""

    def __init__(self, crf: Crf, labels: Sequence[str]) -> None:
        self._crf = crf
        self._tags = TagTable(labels)

    def decode(
        self, emissions: Floats, lengths: Sequence[int], windows: Sequence[ConstrainedWindow | None]
    ) -> list[list[Span]]:
        """Return the spans of each row; see `Crf.decode`.

        Args:
            emissions: (batch, positions, labels)
            lengths: (batch,)
            windows: the window of each row; None if no lexicon matches in it
        """
        for window in windows:
            if window is not None:
                window.clamp_forced()
        every = list(range(len(windows)))
        paths = self._best_paths(emissions, lengths, windows, every)
        self._decode_without_forbidden(emissions, lengths, windows, paths, every)
        again = [
            row
            for row, window in enumerate(windows)
            if window is not None and window.clamp_preferred(paths[row].spans, self._tags)
        ]
        if again:
            for row, path in zip(again, self._best_paths(emissions, lengths, windows, again), strict=True):
                paths[row] = path
            self._decode_without_forbidden(emissions, lengths, windows, paths, again)
        # Scores take as long as the paths, and those of a path that is replaced are not needed.
        spans = self._crf.scored(emissions, lengths, paths)
        return [
            found
            if window is None or not window.entries
            else self._labelled(found, window, emissions[row : row + 1], lengths[row])
            for row, (found, window) in enumerate(zip(spans, windows, strict=True))
        ]

    def _decode_without_forbidden(
        self,
        emissions: Floats,
        lengths: Sequence[int],
        windows: Sequence[ConstrainedWindow | None],
        paths: list[BestPath],
        rows: Sequence[int],
    ) -> None:
        """Decode rows again until none of their entities is forbidden. Each time, a type is banned from a place."""
        while rows := [
            row for row in rows if (window := windows[row]) is not None and window.ban_forbidden(paths[row].spans)
        ]:
            for row, path in zip(rows, self._best_paths(emissions, lengths, windows, rows), strict=True):
                paths[row] = path

    def _best_paths(
        self,
        emissions: Floats,
        lengths: Sequence[int],
        windows: Sequence[ConstrainedWindow | None],
        rows: Sequence[int],
    ) -> list[BestPath]:
        own = emissions if len(rows) == len(emissions) else emissions[list(rows)]  # (rows, positions, labels)
        bias: Floats | None = None
        for index, row in enumerate(rows):
            window = windows[row]
            if window is None or not (window.clamped or window.banned or window.matches.hints):
                continue
            if bias is None:
                bias = np.zeros_like(own)
            hints = [(Place(hint.start, hint.end, hint.type), hint.weight) for hint in window.matches.hints]
            bias[index, : lengths[row]] = self._tags.bias(lengths[row], window.clamped, window.banned, hints)
        return self._crf.best_paths(own, [lengths[row] for row in rows], bias)

    def _labelled(self, spans: list[Span], window: ConstrainedWindow, emissions: Floats, length: int) -> list[Span]:
        """Give the spans of the lexicons their type, their source and their score."""
        labelled = list(spans)
        unknown: list[int] = []
        for index, span in enumerate(spans):
            entry = window.entries.get((span.start, span.end))
            if entry is not None:
                labelled[index] = Span(entry.type, span.start, span.end, span.score, "lexicon")
                if not self._tags.knows(entry.type):
                    unknown.append(index)
        if unknown:
            scores = self._any_type([spans[index] for index in unknown], emissions, length)
            for index, score in zip(unknown, scores, strict=True):
                labelled[index] = replace(labelled[index], score=score)
        return labelled

    def _any_type(self, spans: Sequence[Span], emissions: Floats, length: int) -> list[float]:
        """Return the probability of an entity of any type at each of the spans."""
        types = self._tags.types
        places = ((span.start, [self._tags.path(type_, span.end - span.start) for type_ in types]) for span in spans)
        return self._crf.probabilities(emissions, length, places)


def _may_contain(span: Span, name: Occurrence) -> bool:
    """Return whether the entity that a span becomes can contain an occurrence and be longer."""
    is_around = span.start <= name.start and name.end <= span.end + 1
    return is_around and (span.start, span.end) != (name.start, name.end)


def _contains(entity: Span, name: Occurrence) -> bool:
    """Return whether an entity contains an occurrence and is longer."""
    return entity.start <= name.start and name.end <= entity.end and entity.end - entity.start > name.end - name.start
