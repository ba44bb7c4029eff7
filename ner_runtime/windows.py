"""Windows: a text of any length as overlapping stretches that the encoder can take, and their entities as one list.

A text that fits is one window. A longer one is cut so that neighbours share an overlap, and in each overlap one
position is chosen as the seam: the nearest one to the middle that no entity of either window crosses. Entities left
of the seam are taken from the left window, the others from the right one, so that a name at a window's edge is found
whole, by the window that sees both its sides, and never twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ner_runtime.chunks import Chunk
from ner_runtime.tokenizer import Ids

_OVERLAP_SHARE = 4
_MAX_OVERLAP = 64


@dataclass(frozen=True, slots=True)
class Window:
    """The code points `start` to `end` (exclusive) of a text."""

    start: int
    end: int


def plan_windows(first: Ids, pieces: int, size: int) -> list[Window]:
    """Cut a text of which code point i begins at piece `first[i]`, so that no window has more than `size` pieces.

    Neighbouring windows overlap by a quarter of `size`, at most 64 pieces. An empty text has no window.
    """
    length = len(first)
    if length == 0:
        return []
    if pieces <= size:
        return [Window(0, length)]
    begins = np.append(first, pieces)  # (code points + 1,)
    overlap = min(_MAX_OVERLAP, size // _OVERLAP_SHARE)
    windows: list[Window] = []
    start = 0
    while True:
        # The last code point that still ends within `size` pieces of the window's first.
        end = int(np.searchsorted(begins, begins[start] + size, side="right")) - 1
        end = max(end, start + 1)
        windows.append(Window(start, end))
        if end == length:
            return windows
        step_back = int(np.searchsorted(begins, begins[end] - overlap, side="left"))
        start = max(step_back, start + 1)


def merge_chunks(windows: Sequence[Window], chunks: Sequence[Sequence[Chunk]]) -> list[Chunk]:
    """The chunks of each window, in its own positions, as one list in positions of the text, sorted and disjoint."""
    merged: list[Chunk] = []
    for index, (window, found) in enumerate(zip(windows, chunks, strict=True)):
        moved = [chunk.moved(window.start) for chunk in found]
        if index == 0:
            merged = moved
            continue
        seam = _seam(window.start, windows[index - 1].end, merged, moved)
        merged = _join(merged, moved, seam)
    return merged


def _seam(start: int, end: int, left: Sequence[Chunk], right: Sequence[Chunk]) -> int:
    """The position of the overlap `start` to `end` nearest its middle that no chunk crosses, else its middle."""
    crossed = {
        position
        for chunk in (*_reaching(left, start), *right)
        for position in range(max(chunk.start + 1, start), min(chunk.end, end + 1))
    }
    middle = (start + end) // 2
    free = (position for position in range(start, end + 1) if position not in crossed)
    return min(free, key=lambda position: abs(position - middle), default=middle)


def _reaching(chunks: Sequence[Chunk], start: int) -> Sequence[Chunk]:
    first = len(chunks)
    while first and chunks[first - 1].end > start:
        first -= 1
    return chunks[first:]


def _join(left: list[Chunk], right: list[Chunk], seam: int) -> list[Chunk]:
    while left and left[-1].start >= seam:
        left.pop()
    reached = left[-1].end if left else 0
    # Only an entity that fills the whole overlap crosses the seam; where both windows have one, the left's stands.
    left.extend(chunk for chunk in right if chunk.end > seam and chunk.start >= reached)
    return left
