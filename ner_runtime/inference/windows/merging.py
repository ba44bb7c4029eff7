"""Merge the spans of the windows of a text into one list.

To merge two neighbouring windows, one position of their overlap is chosen as the boundary: a position that no span of
either window crosses, preferably the end of a sentence, and as near to the middle of the overlap as possible. Spans
before the boundary come from the left window, spans after it from the right window. A name at the edge of a window is
therefore taken from the window that sees the text on both sides of it, and is never returned twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ner_runtime.inference.spans import Span
from ner_runtime.inference.windows.planning import Window


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
