"""Apply one or more lexicons to a text: which occurrences count, and which parts of the text are no entities.

- An occurrence with the mode `force` wins over those with `prefer` that overlap it. Of two that overlap and have the
  same mode, the leftmost one wins, then the longest, then the one whose entry has a context, then the one of the
  lexicon that is named first.
- An entry with `forbid` and one with `prefer` or `force` for the same text and type contradict each other. The one that
  has a context wins, then the one of the lexicon that is named first, then `forbid`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

from ner_runtime.lexicon.user.entries import ANY_TYPE, MAX_TEXT
from ner_runtime.lexicon.user.lexicon import Lexicon, Occurrence, merged_colors
from ner_runtime.lexicon.user.patterns import FoldedText

Interval = tuple[int, int]

Permitted = Callable[[int, int], Interval | None]
"""Returns the part of `start` to `end` of a text that may be an entity; None if no part may."""

_DIGEST_BYTES = 8
# So many occurrences are compared one by one.
_FEW = 16


class LexiconSet:
    """Lexicons that are applied together; the first one has precedence."""

    def __init__(self, lexicons: Iterable[Lexicon]) -> None:
        self.lexicons = tuple(lexicons)
        types = {type_ for lexicon in self.lexicons for type_ in lexicon.types}
        self.types = tuple(sorted(types))
        """The types that the lexicons can give to an entity, sorted."""
        self.colors = merged_colors(self.lexicons)
        """The colours that the lexicons give to types."""
        self._forbidding = tuple((rank, lexicon) for rank, lexicon in enumerate(self.lexicons) if lexicon.forbids)

    @property
    def digest(self) -> str:
        """Identifies the lexicons and their order: 16 hexadecimal digits."""
        if len(self.lexicons) == 1:
            return self.lexicons[0].digest
        return blake2b(" ".join(one.digest for one in self.lexicons).encode(), digest_size=_DIGEST_BYTES).hexdigest()

    def match(self, text: str, permitted: Permitted) -> TextMatches | None:
        """Apply the lexicons to a text. Returns None if they change nothing in it.

        Args:
            text: the text
            permitted: returns the part of an occurrence that may be an entity
        """
        folded = FoldedText(text)
        found = [
            (occurrence, rank) for rank, lexicon in enumerate(self.lexicons) for occurrence in lexicon.find(folded)
        ]
        if not found and not self._forbidding:
            return None
        hints: list[Occurrence] = []
        names: list[tuple[Occurrence, int]] = []
        for occurrence, rank in found:
            if occurrence.mode == "hint":
                hints.append(occurrence)
                continue
            if self._forbidding and self._overruled(folded, occurrence, rank):
                continue
            part = permitted(occurrence.start, occurrence.end)
            if part is not None:
                is_whole = part == (occurrence.start, occurrence.end)
                names.append((occurrence if is_whole else occurrence._replace(start=part[0], end=part[1]), rank))
        if not names and not hints and not self._forbidding:
            return None
        return TextMatches(folded, _chosen(names), sorted(hints), self._forbidding, 0, len(text))

    def _overruled(self, text: FoldedText, occurrence: Occurrence, rank: int) -> bool:
        """Return whether an entry with `forbid` has precedence over an occurrence."""
        key = (not occurrence.contextual, rank, 1)
        return any(
            (not entry.contextual, own_rank, 0) < key
            for own_rank, lexicon in self._forbidding
            for entry in lexicon.forbidden(text, occurrence.start, occurrence.end)
            if entry.type in (occurrence.type, ANY_TYPE)
        )


@dataclass(frozen=True, slots=True)
class TextMatches:
    """The lexicons applied to a text, or to a part of it. Positions count from the start of the part.

    Attributes:
        names: occurrences with the modes `prefer` and `force`, sorted and disjoint. Those at an edge of the part may
            begin before it or end after it.
        hints: occurrences with the mode `hint`, sorted
        length: number of code points of the part
    """

    _text: FoldedText
    names: Sequence[Occurrence]
    hints: Sequence[Occurrence]
    _forbidding: Sequence[tuple[int, Lexicon]]
    _offset: int
    length: int

    @property
    def forbids(self) -> bool:
        """Whether a lexicon has entries with the mode `forbid`."""
        return bool(self._forbidding)

    def part(self, start: int, end: int) -> TextMatches | None:
        """Return the matches of the code points `start` to `end` (exclusive); None if there are none."""
        names, hints = _between(self.names, start, end), _between(self.hints, start, end)
        if not names and not hints and not self._forbidding:
            return None
        return TextMatches(self._text, names, hints, self._forbidding, self._offset + start, end - start)

    def forbidden(self, type_: str, start: int, end: int) -> str | None:
        """Return the type that may not be at `start` to `end` if `type_` may not: `type_` or `*`; otherwise None."""
        begin, stop = start + self._offset, end + self._offset
        types = {entry.type for _, lexicon in self._forbidding for entry in lexicon.forbidden(self._text, begin, stop)}
        return ANY_TYPE if ANY_TYPE in types else type_ if type_ in types else None


def _chosen(names: Sequence[tuple[Occurrence, int]]) -> list[Occurrence]:
    """Return the occurrences that win over those that overlap them, sorted."""
    if all(left.end <= right.start for (left, _), (right, _) in pairwise(names)):
        return [name for name, _ in names]
    chosen: list[Occurrence] = []
    for mode in ("force", "prefer"):
        own = [(name, rank) for name, rank in names if name.mode == mode]
        own.sort(key=lambda one: (one[0].start, -one[0].end, not one[0].contextual, one[1]))
        forced, reached = list(chosen), 0
        for name, _ in own:
            if name.start >= reached and not _overlaps_any(forced, name):
                chosen.append(name)
                reached = name.end
        chosen.sort()
    return chosen


def _overlaps_any(names: Sequence[Occurrence], name: Occurrence) -> bool:
    """Return whether an occurrence overlaps one of `names`, which are sorted and disjoint."""
    index = bisect_left(names, name.end, key=lambda one: one.start)
    return index > 0 and names[index - 1].end > name.start


def _between(occurrences: Sequence[Occurrence], start: int, end: int) -> list[Occurrence]:
    """Return the occurrences that overlap `start` to `end`, in positions from `start` on."""
    near = occurrences
    if len(occurrences) > _FEW:
        first = bisect_left(occurrences, start - MAX_TEXT, key=lambda one: one.start)
        near = occurrences[first : bisect_left(occurrences, end, key=lambda one: one.start)]
    return [
        Occurrence(one.start - start, one.end - start, *one[2:]) for one in near if one.start < end and one.end > start
    ]
