"""Windows: a text of any length as overlapping stretches that the encoder can take, and their entities as one list.

A text that fits is one window. A longer one is cut so that neighbours share an overlap, where that can be had at the
ends of sentences: a model that reads whole sentences finds in them what it finds in each alone. In each overlap one
position is chosen as the seam that no entity of either window crosses: the end of a sentence nearest to the middle,
else the position nearest to it. Entities left of the seam are taken from the left window, the others from the right
one, so that a name at a window's edge is found whole, by the window that sees both its sides, and never twice.

A model that wavers in long stretches may wish to see each sentence alone, and a long sentence in parts of whole
clauses. Then only a clause that is too long is cut into windows, and how long these may be, once such a part fits into
one, changes nothing for other text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ner_runtime.inference.spans import Span
from ner_runtime.inference.tokenizer import Ids

WINDOWING_VERSION = 2
"""The number of the way in which texts are cut; it changes when a change here changes what is found."""

LONGEST_SENTENCE = 126
"""Pieces: a longer sentence is read in parts, which fit into windows of 128 with [CLS] and [SEP]."""

# A quarter of a window, and a quarter of that, by division.
_OVERLAP_DIVISOR = 4
_MAX_OVERLAP = 64
_SHORTEST_OVERLAP_DIVISOR = 4
# Surer than `_SENTENCE_END`: a name may hold a mark that ends sentences, and lines are broken anywhere.
_FULL_STOP = re.compile(r"[。！？]+[”’」』）)】\]]*\s*|\n\s*\n\s*")
# Between digits, half-width marks are part of an amount, a time or a score.
_CLAUSE_END = re.compile(r"(?:[，、；：…]|(?<![0-9])[,;:]|[,;:](?![0-9]))+[”’」』）)】\]]*")
# A window is not shortened by more than this to end where a sentence does.
_SHORTENED_DIVISOR = 2
_SENTENCE_END = re.compile(r"[。！？!?；;…\n]+[”’」』）)】\]]*")


@dataclass(frozen=True, slots=True)
class Window:
    """The code points `start` to `end` (exclusive) of a text."""

    start: int
    end: int


def sentence_ends(text: str) -> list[int]:
    """The positions right behind whatever may end a sentence, in order: line ends and half-width marks too."""
    return [found.end() for found in _SENTENCE_END.finditer(text)]


def full_stops(text: str) -> list[int]:
    """The positions right behind each full stop or paragraph of a text, in order, with what closes and follows it."""
    return [found.end() for found in _FULL_STOP.finditer(text)]


def clause_ends(text: str) -> list[int]:
    """The positions right behind each clause of a text, in order: at commas and the like."""
    return [found.end() for found in _CLAUSE_END.finditer(text)]


def longest_sentence(first: Ids, pieces: int, stops: Sequence[int]) -> int:
    """Pieces of the longest sentence of a text that is cut at its `stops`; for the rest see `plan_windows`."""
    begins = np.append(first, pieces)  # (code points + 1,)
    return int(np.diff(begins[[0, *stops, len(first)]]).max(initial=0))


def cut_sentences(
    first: Ids,
    pieces: int,
    stops: Sequence[int],
    clauses: Sequence[int],
    ends: Sequence[int],
    longest: int,
) -> list[int]:
    """The `stops` (`full_stops`) of a text, its end, and where a sentence of over `longest` pieces is cut, in order.

    Such a sentence is cut behind `clauses` (`clause_ends`), where none is near enough behind one of the `ends`
    (`sentence_ends`), into parts of about equal length. Only a part that holds neither is longer than `longest`. For
    `first` and `pieces` see `plan_windows`.
    """
    length = len(first)
    begins = np.append(first, pieces)  # (code points + 1,)
    cuts: list[int] = []
    for start, end in pairwise([0, *(stop for stop in stops if stop < length), length]):
        cuts.extend([*_cuts_of(begins, start, end, (clauses, ends), longest), end])
    return cuts


def plan_text(text: str, first: Ids, pieces: int, size: int, *, by_sentence: bool) -> tuple[list[Window], list[int]]:
    """The windows of a text, and the ends of sentences that they were planned with and are to be merged with.

    Args:
        text: the text
        first: (code points,), the first piece of each code point
        pieces: how many there are
        size: pieces of the longest window
        by_sentence: whether each sentence is to be read alone, and a long one in parts
    """
    if not by_sentence:
        ends = sentence_ends(text) if pieces > size else []
        return plan_windows(first, pieces, size, ends), ends
    cuts, ends = full_stops(text), list[int]()
    longest = min(LONGEST_SENTENCE, size)
    if longest_sentence(first, pieces, cuts) > longest:
        ends = sentence_ends(text)
        cuts = cut_sentences(first, pieces, cuts, clause_ends(text), ends, longest)
    return plan_sentences(first, pieces, size, cuts, ends), ends


def plan_windows(first: Ids, pieces: int, size: int, ends: Sequence[int] = ()) -> list[Window]:
    """Cut a text of which code point i begins at piece `first[i]`, so that no window has more than `size` pieces.

    Neighbouring windows overlap by a quarter of `size`, at most 64 pieces, or by the whole sentences that fit into
    that. An empty text has no window. `ends`: see `sentence_ends`.
    """
    length = len(first)
    if length == 0:
        return []
    if pieces <= size:
        return [Window(0, length)]
    begins = np.append(first, pieces)  # (code points + 1,)
    overlap = min(_MAX_OVERLAP, size // _OVERLAP_DIVISOR)
    windows: list[Window] = []
    start = 0
    while True:
        # The last code point that still ends within `size` pieces of the window's first.
        end = int(np.searchsorted(begins, begins[start] + size, side="right")) - 1
        end = max(end, start + 1)
        if end < length:
            shortest = int(np.searchsorted(begins, begins[start] + size // _SHORTENED_DIVISOR, side="right"))
            end = _last(ends, shortest, end)
        windows.append(Window(start, end))
        if end == length:
            return windows
        step_back = int(np.searchsorted(begins, begins[end] - overlap, side="left"))
        # Not too near to the end: a name may hold a mark that ends sentences.
        start = _first(ends, max(step_back, start + 1), end - overlap // _SHORTEST_OVERLAP_DIVISOR)


def plan_sentences(first: Ids, pieces: int, size: int, stops: Sequence[int], ends: Sequence[int] = ()) -> list[Window]:
    """As `plan_windows`, but a text is cut at each of its `stops` first: see `full_stops`, `cut_sentences`."""
    length = len(first)
    begins = np.append(first, pieces)  # (code points + 1,)
    windows: list[Window] = []
    for start, end in pairwise([0, *(stop for stop in stops if stop < length), length]):
        own = begins[start:end] - begins[start]  # (code points of the sentence,)
        inside = [position - start for position in ends[bisect_right(ends, start) : bisect_left(ends, end)]]
        planned = plan_windows(own, int(begins[end] - begins[start]), size, inside)
        windows.extend(Window(window.start + start, window.end + start) for window in planned)
    return windows


def merge_spans(windows: Sequence[Window], spans: Sequence[Sequence[Span]], ends: Collection[int] = ()) -> list[Span]:
    """The spans of each window, in its own positions, as one list in positions of the text, sorted and disjoint.

    `ends`: as the windows were planned with.
    """
    preferred = frozenset(ends)
    merged: list[Span] = []
    for index, (window, found) in enumerate(zip(windows, spans, strict=True)):
        moved = [span.moved(window.start) for span in found]
        if index == 0:
            merged = moved
            continue
        seam = _seam(window.start, windows[index - 1].end, merged, moved, preferred)
        merged = _join(merged, moved, seam)
    return merged


def _cuts_of(begins: Ids, start: int, end: int, choices: Sequence[Sequence[int]], longest: int) -> Iterator[int]:
    """Where the sentence `start` to `end` is cut: at a position of the first of the sorted `choices` that has a fit."""
    while (left := int(begins[end] - begins[start])) > longest:
        beginning = int(begins[start])
        furthest = int(np.searchsorted(begins, beginning + longest, side="right")) - 1
        aim = beginning + left // -(-left // longest)
        fitting = (_between(positions, start, min(furthest, end - 1)) for positions in choices)
        candidates = next(filter(None, fitting), None) or _nearest(choices, start, end)
        if not candidates:
            return
        start = min(candidates, key=lambda position: abs(int(begins[position]) - aim))
        yield start


def _between(positions: Sequence[int], above: int, highest: int) -> Sequence[int]:
    """Those of the sorted `positions` that are above `above` and at most `highest`."""
    return positions[bisect_right(positions, above) : bisect_right(positions, highest)]


def _nearest(choices: Sequence[Sequence[int]], above: int, below: int) -> list[int]:
    """The first position above `above` and below `below` that there is, alone; nothing where there is none."""
    following = (
        positions[index] for positions in choices if (index := bisect_right(positions, above)) < len(positions)
    )
    return [position for position in sorted(following)[:1] if position < below]


def _last(ends: Sequence[int], lowest: int, highest: int) -> int:
    """The last of the sorted `ends` from `lowest` to `highest`, else `highest`."""
    index = bisect_right(ends, highest) - 1
    return ends[index] if index >= 0 and ends[index] >= lowest else highest


def _first(ends: Sequence[int], lowest: int, below: int) -> int:
    """The first of the sorted `ends` from `lowest` on and below `below`, else `lowest`."""
    index = bisect_left(ends, lowest)
    return ends[index] if index < len(ends) and ends[index] < below else lowest


def _seam(start: int, end: int, left: Sequence[Span], right: Sequence[Span], ends: Collection[int]) -> int:
    """The position of the overlap `start` to `end` that no span crosses: of `ends`, else nearest the middle.

    The middle itself where every position is crossed.
    """
    crossed = {
        position
        for span in (*_reaching(left, start), *right)
        for position in range(max(span.start + 1, start), min(span.end, end + 1))
    }
    middle = (start + end) // 2
    free = (position for position in range(start, end + 1) if position not in crossed)
    return min(free, key=lambda position: (position not in ends, abs(position - middle)), default=middle)


def _reaching(spans: Sequence[Span], start: int) -> Sequence[Span]:
    first = len(spans)
    while first and spans[first - 1].end > start:
        first -= 1
    return spans[first:]


def _join(left: list[Span], right: list[Span], seam: int) -> list[Span]:
    while left and left[-1].start >= seam:
        left.pop()
    reached = left[-1].end if left else 0
    # Only an entity that fills the whole overlap crosses the seam; where both windows have one, the left's stands.
    left.extend(span for span in right if span.end > seam and span.start >= reached)
    return left
