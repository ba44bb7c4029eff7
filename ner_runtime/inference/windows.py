"""Split a text of any length into windows that fit the encoder, and merge the spans of the windows into one list.

A text that fits into the encoder is one window. A longer text becomes several windows; neighbouring windows overlap.
Windows begin and end at the ends of sentences where possible, because a model finds the same entities in a group of
whole sentences as in each sentence alone.

To merge two neighbouring windows, one position of their overlap is chosen as the boundary: a position that no span of
either window crosses, preferably the end of a sentence, and as near to the middle of the overlap as possible. Spans
before the boundary come from the left window, spans after it from the right window. A name at the edge of a window is
therefore taken from the window that sees the text on both sides of it, and is never returned twice.

Some models (`by_sentence` in `model.json`) are less accurate on long inputs. For them, each sentence is a window of its
own, and a sentence longer than `LONGEST_SENTENCE` is split between clauses. Only a clause that is itself too long is
split into overlapping windows.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from ner_runtime.inference.spans import Span
from ner_runtime.inference.tokenizers.base import Ids

LONGEST_SENTENCE = 126
"""Longest sentence, in pieces. A longer one is split into parts that fit into 128 positions with [CLS] and [SEP]."""

# The overlap is a quarter of a window, the shortest overlap a quarter of that.
_OVERLAP_DIVISOR = 4
_MAX_OVERLAP = 64
_SHORTEST_OVERLAP_DIVISOR = 4
# Stricter than `_POSSIBLE_SENTENCE_END`: names can contain "!" or ";", and lines can break within a sentence.
_SENTENCE_END = re.compile(r"[。！？]+[”’」』）)】\]]*\s*|\n\s*\n\s*")
# A half-width mark between digits belongs to an amount, a time or a score.
_CLAUSE_END = re.compile(r"(?:[，、；：…]|(?<![0-9])[,;:]|[,;:](?![0-9]))+[”’」』）)】\]]*")
# A window that is shortened to end with a sentence keeps at least half of its size.
_SHORTENED_DIVISOR = 2
_POSSIBLE_SENTENCE_END = re.compile(r"[。！？!?；;…\n]+[”’」』）)】\]]*")

Part = tuple[int, int]
"""Code points `start` to `end` (exclusive) of a text."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a text, from code point `start` to code point `end` (exclusive)."""

    start: int
    end: int


def possible_sentence_ends(text: str) -> list[int]:
    """Return the positions after all possible ends of sentences, including line breaks and half-width marks, sorted."""
    return [found.end() for found in _POSSIBLE_SENTENCE_END.finditer(text)]


def sentence_ends(text: str) -> list[int]:
    """Return the position after each `。`, `！`, `？` or blank line, sorted.

    The closing marks and the white space that follow are part of the sentence.
    """
    return [found.end() for found in _SENTENCE_END.finditer(text)]


def clause_ends(text: str) -> list[int]:
    """Return the position after each comma, colon, semicolon or ellipsis, sorted."""
    return [found.end() for found in _CLAUSE_END.finditer(text)]


def longest_sentence(first: Ids, pieces: int, stops: Sequence[int]) -> int:
    """Return the length, in pieces, of the longest sentence of a text whose sentences end at `stops`.

    For `first` and `pieces`, see `plan_windows`.
    """
    begins = np.append(first, pieces)  # (code points + 1,)
    return int(np.diff(begins[[0, *stops, len(first)]]).max(initial=0))


def split_long_sentences(
    first: Ids,
    pieces: int,
    stops: Sequence[int],
    clauses: Sequence[int],
    ends: Sequence[int],
    longest: int,
) -> list[int]:
    """Split sentences of more than `longest` pieces; return the end of every part of the text, sorted.

    A long sentence is split at the ends of clauses into parts of about equal length. If no clause ends near enough, it
    is split at a possible end of a sentence. A part stays longer than `longest` only if it contains neither.

    Args:
        first: see `plan_windows`
        pieces: see `plan_windows`
        stops: ends of sentences, from `sentence_ends`
        clauses: ends of clauses, from `clause_ends`
        ends: possible ends of sentences, from `possible_sentence_ends`
        longest: the limit, in pieces
    """
    length = len(first)
    begins = np.append(first, pieces)  # (code points + 1,)
    cuts: list[int] = []
    for start, end in pairwise([0, *(stop for stop in stops if stop < length), length]):
        cuts.extend([*_split_sentence(begins, start, end, (clauses, ends), longest), end])
    return cuts


def plan_text(
    text: str,
    first: Ids,
    pieces: int,
    size: int,
    *,
    by_sentence: bool,
    whole: Sequence[Part] = (),
    offsets: Ids | None = None,
) -> tuple[list[Window], list[int]]:
    """Split a text into windows.

    Args:
        text: the text
        first: (positions,), index of the first piece of each position
        pieces: number of pieces of the text
        size: length of the longest window, in pieces
        by_sentence: make each sentence a window of its own, and split long sentences
        whole: parts of the text that must be contained in one window each, sorted and disjoint; none if `offsets` are
            given
        offsets: (positions, 2), start and end of each word; None: each position is a code point

    Returns:
        The windows, and the possible ends of sentences, which `merge_spans` needs. A window begins where a word begins.
    """
    if offsets is None:
        return _plan_text(text, first, pieces, size, by_sentence, partial(_outside, whole=whole), whole)
    # Several words can come from one code point; they are never separated.
    starts, index = np.unique(offsets[:, 0], return_index=True)  # (groups,), (groups,)
    stops = offsets[np.append(index, len(offsets))[1:] - 1, 1]  # (groups,), the end of the last word of each group

    def groups_before(ends: Sequence[int]) -> list[int]:
        """Return the number of groups before each position of the text that is not inside a word."""
        counts = np.searchsorted(starts, ends).tolist()
        return sorted({count for count, end in zip(counts, ends, strict=True) if not count or stops[count - 1] <= end})

    windows, _ = _plan_text(text, first[index], pieces, size, by_sentence, groups_before)
    edges = [0, *starts[1:].tolist(), len(text)] if len(starts) else []
    windows = [Window(edges[window.start], edges[window.end]) for window in windows]
    return windows, possible_sentence_ends(text) if len(windows) > 1 else []


def _plan_text(
    text: str,
    first: Ids,
    pieces: int,
    size: int,
    by_sentence: bool,
    placed: Callable[[Sequence[int]], list[int]],
    whole: Sequence[Part] = (),
) -> tuple[list[Window], list[int]]:
    """Split a text into windows; `placed` selects ends and converts them to the positions that `first` has."""
    if not by_sentence:
        ends = placed(possible_sentence_ends(text)) if pieces > size else []
        return plan_windows(first, pieces, size, ends, whole), ends
    cuts, ends = placed(sentence_ends(text)), list[int]()
    longest = min(LONGEST_SENTENCE, size)
    if pieces > longest and longest_sentence(first, pieces, cuts) > longest:
        ends = placed(possible_sentence_ends(text))
        cuts = split_long_sentences(first, pieces, cuts, placed(clause_ends(text)), ends, longest)
    return plan_sentence_windows(first, pieces, size, cuts, ends, whole), ends


def positions_between(offsets: Ids, start: int, end: int) -> tuple[int, int]:
    """Return the first word that begins at code point `start` or later, and the first one at `end` or later.

    `offsets` are the start and the end of each word: (positions, 2).
    """
    first, last = np.searchsorted(offsets[:, 0], (start, end)).tolist()
    return first, last


def holds_whole_words(offsets: Ids, start: int, end: int) -> bool:
    """Return whether the code points `start` to `end` contain at least one word, and no part of another word."""
    first, last = positions_between(offsets, start, end)
    return first < last and (first == 0 or offsets[first - 1, 1] <= start) and bool(offsets[last - 1, 1] <= end)


def _outside(positions: Sequence[int], whole: Sequence[Part]) -> list[int]:
    """Return the positions that are not inside of one of the parts `whole`, which are sorted."""
    if not whole:
        return list(positions)
    inside = {position for start, end in whole for position in range(start + 1, end)}
    return [position for position in positions if position not in inside]


def plan_windows(
    first: Ids, pieces: int, size: int, ends: Sequence[int] = (), whole: Sequence[Part] = ()
) -> list[Window]:
    """Split a text into overlapping windows of at most `size` pieces, in positions. An empty text has no window.

    Neighbouring windows overlap by a quarter of `size`, at most 64 pieces. If possible, the overlap is shortened
    to begin at one of `ends`.

    Args:
        first: (positions,), index of the first piece of each position
        pieces: number of pieces of the text
        size: length of the longest window, in pieces
        ends: positions at which windows begin and end if possible, sorted; none is inside of a part in `whole`
        whole: parts of at most `size` pieces that must be contained in one window each, sorted and disjoint
    """
    length = len(first)
    if length == 0:
        return []
    if pieces <= size:
        return [Window(0, length)]
    begins = np.append(first, pieces)  # (code points + 1,)
    overlap = min(_MAX_OVERLAP, size // _OVERLAP_DIVISOR)
    windows: list[Window] = []
    starts = [part_start for part_start, _ in whole]
    start = 0
    while True:
        # The end of the last code point that fits into `size` pieces.
        end = int(np.searchsorted(begins, begins[start] + size, side="right")) - 1
        end = max(end, start + 1)
        if end < length:
            shortest = int(np.searchsorted(begins, begins[start] + size // _SHORTENED_DIVISOR, side="right"))
            end = _last_end(ends, shortest, end)
        windows.append(Window(start, end))
        if end == length:
            return windows
        step_back = int(np.searchsorted(begins, begins[end] - overlap, side="left"))
        # Keep a minimum overlap: what looks like the end of a sentence may be part of a name.
        start = _first_end(ends, max(step_back, start + 1), end - overlap // _SHORTEST_OVERLAP_DIVISOR)
        if (part := bisect_left(starts, end) - 1) >= 0 and whole[part][1] > end:
            # The next window contains the part that this one cuts.
            start = max(min(start, starts[part]), windows[-1].start + 1)


def plan_sentence_windows(
    first: Ids, pieces: int, size: int, stops: Sequence[int], ends: Sequence[int] = (), whole: Sequence[Part] = ()
) -> list[Window]:
    """Split a text at each of its `stops`, then split each part with `plan_windows`."""
    length = len(first)
    begins = np.append(first, pieces)  # (code points + 1,)
    edges = [0, *(stop for stop in stops if stop < length), length]
    sizes: list[int] = np.diff(begins[edges]).tolist()
    windows: list[Window] = []
    for start, end, own_pieces in zip(edges, edges[1:], sizes, strict=False):
        if start < end and own_pieces <= size:
            windows.append(Window(start, end))
            continue
        own = begins[start:end] - begins[start]  # (code points of the sentence,)
        inside = [position - start for position in ends[bisect_right(ends, start) : bisect_left(ends, end)]]
        within = whole[bisect_left(whole, (start, 0)) : bisect_left(whole, (end, 0))]
        parts = [(part_start - start, part_end - start) for part_start, part_end in within]
        planned = plan_windows(own, own_pieces, size, inside, parts)
        windows.extend(Window(window.start + start, window.end + start) for window in planned)
    return windows


def merge_spans(windows: Sequence[Window], spans: Sequence[Sequence[Span]], ends: Collection[int] = ()) -> list[Span]:
    """Merge the spans of each window into one sorted list of disjoint spans, in positions of the text.

    Args:
        windows: the windows
        spans: the spans of each window, in positions of that window
        ends: the possible ends of sentences that the windows were planned with
    """
    preferred = frozenset(ends)
    merged: list[Span] = []
    for index, (window, found) in enumerate(zip(windows, spans, strict=True)):
        moved = [span.moved(window.start) for span in found]
        if index == 0:
            merged = moved
            continue
        boundary = _boundary(window.start, windows[index - 1].end, merged, moved, preferred)
        merged = _join_at(boundary, merged, moved)
    return merged


def _split_sentence(begins: Ids, start: int, end: int, choices: Sequence[Sequence[int]], longest: int) -> Iterator[int]:
    """Yield the positions at which the sentence from `start` to `end` is split.

    `choices` are lists of positions in order of preference; the first list that has a position near enough is
    used.
    """
    while (left := int(begins[end] - begins[start])) > longest:
        beginning = int(begins[start])
        furthest = int(np.searchsorted(begins, beginning + longest, side="right")) - 1
        aim = beginning + left // -(-left // longest)
        fitting = (_between(positions, start, min(furthest, end - 1)) for positions in choices)
        candidates = next(filter(None, fitting), None) or _next_position(choices, start, end)
        if not candidates:
            return
        start = min(candidates, key=lambda position: abs(int(begins[position]) - aim))
        yield start


def _between(positions: Sequence[int], above: int, highest: int) -> Sequence[int]:
    """Return those of the sorted `positions` that are greater than `above` and at most `highest`."""
    return positions[bisect_right(positions, above) : bisect_right(positions, highest)]


def _next_position(choices: Sequence[Sequence[int]], above: int, below: int) -> list[int]:
    """Return a list with the first position of all `choices` between `above` and `below`, or an empty list."""
    following = (
        positions[index] for positions in choices if (index := bisect_right(positions, above)) < len(positions)
    )
    return [position for position in sorted(following)[:1] if position < below]


def _last_end(ends: Sequence[int], lowest: int, highest: int) -> int:
    """Return the last of the sorted `ends` between `lowest` and `highest`; `highest` if there is none."""
    index = bisect_right(ends, highest) - 1
    return ends[index] if index >= 0 and ends[index] >= lowest else highest


def _first_end(ends: Sequence[int], lowest: int, below: int) -> int:
    """Return the first of the sorted `ends` that is at least `lowest` and below `below`; `lowest` if there is none."""
    index = bisect_left(ends, lowest)
    return ends[index] if index < len(ends) and ends[index] < below else lowest


def _boundary(start: int, end: int, left: Sequence[Span], right: Sequence[Span], ends: Collection[int]) -> int:
    """Choose the boundary in the overlap from `start` to `end`.

    Positions that a span crosses are excluded. Of the others, positions in `ends` come first, then those nearest to the
    middle. If every position is crossed, the boundary is the middle.
    """
    crossed = {
        position
        for span in (*_spans_after(left, start), *right)
        for position in range(max(span.start + 1, start), min(span.end, end + 1))
    }
    middle = (start + end) // 2
    free = (position for position in range(start, end + 1) if position not in crossed)
    return min(free, key=lambda position: (position not in ends, abs(position - middle)), default=middle)


def _spans_after(spans: Sequence[Span], start: int) -> Sequence[Span]:
    """Return the spans of a sorted list that end after `start`."""
    first = len(spans)
    while first and spans[first - 1].end > start:
        first -= 1
    return spans[first:]


def _join_at(boundary: int, left: list[Span], right: list[Span]) -> list[Span]:
    while left and left[-1].start >= boundary:
        left.pop()
    reached = left[-1].end if left else 0
    # A span crosses the boundary only if it fills the whole overlap. If both windows have one, the left one is kept.
    left.extend(span for span in right if span.end > boundary and span.start >= reached)
    return left
