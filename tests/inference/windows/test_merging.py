import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.inference.spans import Span
from ner_runtime.inference.windows.merging import merge_spans
from ner_runtime.inference.windows.planning import Window
from tests.support.texts.windows import seen_from, windows_of


@pytest.mark.parametrize("start", range(100 - 7))
def test_entity_at_any_position_is_merged_once(start: int) -> None:
    windows = windows_of(100)
    entity = Span("ORG", start, start + 7)
    assert merge_spans(windows, seen_from(windows, [entity])) == [entity]


@given(st.lists(st.integers(1, 8), min_size=1, max_size=60))
def test_adjacent_entities_are_each_merged_once(sizes: list[int]) -> None:
    ends = np.cumsum(sizes).tolist()
    entities = [Span("PER", end - size, end) for size, end in zip(sizes, ends, strict=True)]
    windows = windows_of(ends[-1])
    assert merge_spans(windows, seen_from(windows, entities)) == entities


@given(st.data())
def test_merged_spans_are_sorted_and_disjoint(data: st.DataObject) -> None:
    windows = windows_of(150)
    seen: list[list[Span]] = []
    for window in windows:
        cuts = data.draw(st.lists(st.integers(0, window.end - window.start), unique=True, max_size=8).map(sorted))
        seen.append([Span("LOC", start, end) for start, end in zip(cuts[::2], cuts[1::2], strict=False)])
    merged = merge_spans(windows, seen)
    assert all(left.end <= right.start for left, right in itertools.pairwise(merged))
    assert set(merged) <= {c.moved(w.start) for w, spans in zip(windows, seen, strict=True) for c in spans}


def test_conflicting_spans_come_from_one_side_of_the_boundary() -> None:
    windows = [Window(0, 32), Window(24, 56)]
    cut_short = [Span("LOC", 29, 32)]
    whole = [Span("ORG", 29 - 24, 36 - 24)]
    assert merge_spans(windows, [cut_short, whole]) == [Span("ORG", 29, 36)]


def test_entity_that_fills_the_overlap_is_merged_once() -> None:
    windows = [Window(0, 32), Window(24, 56)]
    assert merge_spans(windows, [[], [Span("ORG", 0, 20)]]) == [Span("ORG", 24, 44)]
    assert merge_spans(windows, [[Span("ORG", 20, 32)], [Span("ORG", 0, 20)]]) == [Span("ORG", 20, 32)]


def test_boundary_prefers_sentence_ends() -> None:
    windows = [Window(0, 28), Window(21, 49)]
    # The left window contains part of a sentence that the right window contains from its beginning.
    left, right = [Span("LOC", 22, 24)], [Span("ORG", 1, 3)]
    assert merge_spans(windows, [left, right], [21, 40]) == [Span("ORG", 22, 24)]
    assert merge_spans(windows, [left, right], [28, 40]) == [Span("LOC", 22, 24)]
