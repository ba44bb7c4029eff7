"""Split a text of any length into windows that fit the encoder.

A text that fits into the encoder is one window. A longer text becomes several windows; neighbouring windows overlap.
Windows begin and end at the ends of sentences where possible, because a model finds the same entities in a group of
whole sentences as in each sentence alone.

Some models (`by_sentence` in `model.json`) are less accurate on long inputs. For them, each sentence is a window of its
own, and a sentence longer than `LONGEST_SENTENCE` is split between clauses. Only a clause that is itself too long is
split into overlapping windows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ner_runtime.inference.tokenizers.base import Ids
from ner_runtime.inference.windows.sentences import (
    LONGEST_SENTENCE,
    clause_ends,
    longest_sentence,
    possible_sentence_ends,
    sentence_ends,
    split_long_sentences,
)

# The overlap is a quarter of a window, the shortest overlap a quarter of that.
_OVERLAP_DIVISOR = 4
_MAX_OVERLAP = 64
_SHORTEST_OVERLAP_DIVISOR = 4
# A window that is shortened to end with a sentence keeps at least half of its size.
_SHORTENED_DIVISOR = 2

Part = tuple[int, int]
"""Code points `start` to `end` (exclusive) of a text."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a text, from code point `start` to code point `end` (exclusive)."""

    start: int
    end: int


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


def _last_end(ends: Sequence[int], lowest: int, highest: int) -> int:
    """Return the last of the sorted `ends` between `lowest` and `highest`; `highest` if there is none."""
    index = bisect_right(ends, highest) - 1
    return ends[index] if index >= 0 and ends[index] >= lowest else highest


def _first_end(ends: Sequence[int], lowest: int, below: int) -> int:
    """Return the first of the sorted `ends` that is at least `lowest` and below `below`; `lowest` if there is none."""
    index = bisect_left(ends, lowest)
    return ends[index] if index < len(ends) and ends[index] < below else lowest
