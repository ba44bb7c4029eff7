import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.inference.spans import Span
from ner_runtime.inference.windows.merging import merge_spans
from ner_runtime.inference.windows.planning import Window, plan_sentence_windows, plan_text, plan_windows
from ner_runtime.inference.windows.sentences import possible_sentence_ends, sentence_ends
from tests.support.texts.windows import SIZE, first_pieces, piece_counts, seen_from, windows_of, words_of

SENTENCE = "一二三四五六。"


def test_short_text_is_one_window() -> None:
    assert windows_of(SIZE) == [Window(0, SIZE)]
    assert windows_of(1) == [Window(0, 1)]
    assert windows_of(0) == []


def test_neighbouring_windows_overlap_by_a_quarter() -> None:
    assert windows_of(60) == [Window(0, 32), Window(24, 56), Window(48, 60)]


@given(piece_counts)
def test_windows_cover_the_text_within_the_size_limit(counts: list[int]) -> None:
    first, pieces = first_pieces(counts)
    windows = plan_windows(first, pieces, SIZE)
    covered = {position for window in windows for position in range(window.start, window.end)}
    assert covered == set(range(len(counts)))
    assert all(sum(counts[window.start : window.end]) <= SIZE for window in windows)


@given(piece_counts)
def test_neighbouring_windows_overlap_and_advance(counts: list[int]) -> None:
    windows = plan_windows(*first_pieces(counts), SIZE)
    for left, right in itertools.pairwise(windows):
        assert left.start < right.start < left.end < right.end


def test_windows_begin_and_end_at_sentence_ends() -> None:
    ends = possible_sentence_ends(SENTENCE * 12)
    windows = plan_windows(*first_pieces([1] * 84), SIZE, ends)
    assert windows[0] == Window(0, 28)
    assert all(window.start in (0, *ends) and window.end in ends for window in windows)
    assert all(left.end - right.start == len(SENTENCE) for left, right in itertools.pairwise(windows))


@given(piece_counts, st.sets(st.integers(1, 400)))
def test_windows_cover_the_text_for_any_sentence_ends(counts: list[int], marks: set[int]) -> None:
    first, pieces = first_pieces(counts)
    windows = plan_windows(first, pieces, SIZE, sorted(mark for mark in marks if mark <= len(counts)))
    assert {position for window in windows for position in range(window.start, window.end)} == set(range(len(counts)))
    assert all(sum(counts[window.start : window.end]) <= SIZE for window in windows)
    assert all(left.start < right.start < left.end < right.end for left, right in itertools.pairwise(windows))


def test_each_sentence_is_a_window_and_long_ones_are_split() -> None:
    text = "一二三。" * 10 + "四" * 40
    first, pieces = first_pieces([1] * len(text))
    windows = plan_sentence_windows(first, pieces, SIZE, sentence_ends(text))
    assert windows == [*(Window(start, start + 4) for start in range(0, 40, 4)), Window(40, 72), Window(64, 80)]
    assert plan_sentence_windows(*first_pieces([1] * 12), SIZE, [4, 12]) == [Window(0, 4), Window(4, 12)]
    assert plan_sentence_windows(*first_pieces([]), SIZE, []) == []


@given(piece_counts, st.sets(st.integers(1, 400), max_size=40), st.sets(st.integers(1, 400), max_size=40))
def test_sentence_windows_cover_the_text_and_do_not_cross_stops(
    counts: list[int], stops: set[int], ends: set[int]
) -> None:
    first, pieces = first_pieces(counts)
    inside = sorted(stop for stop in stops if stop <= len(counts))
    windows = plan_sentence_windows(first, pieces, SIZE, inside, sorted(ends))
    assert {position for window in windows for position in range(window.start, window.end)} == set(range(len(counts)))
    assert all(sum(counts[window.start : window.end]) <= SIZE for window in windows)
    assert not [stop for window in windows for stop in inside if window.start < stop < window.end]
    marks = sorted({0, *inside, len(counts)})
    entities = [Span("ORG", start, min(end, start + 7)) for start, end in itertools.pairwise(marks)]
    assert merge_spans(windows, seen_from(windows, entities)) == entities


@given(st.text("马云，。", max_size=200), st.lists(st.tuples(st.integers(0, 200), st.integers(1, SIZE))), st.booleans())
def test_parts_that_belong_together_are_in_one_window(
    text: str, wanted: list[tuple[int, int]], by_sentence: bool
) -> None:
    whole: list[tuple[int, int]] = []
    for start, size in sorted(wanted):
        if start + size <= len(text) and (not whole or whole[-1][1] <= start):
            whole.append((start, start + size))
    first, pieces = first_pieces([1] * len(text))
    windows, _ = plan_text(text, first, pieces, SIZE, by_sentence=by_sentence, whole=whole)
    for start, end in whole:
        assert any(window.start <= start and end <= window.end for window in windows)
    assert {position for window in windows for position in range(window.start, window.end)} == set(range(len(text)))
    assert all(window.end - window.start <= SIZE for window in windows)


@given(st.text("ab.。 \n", max_size=300), st.booleans())
def test_windows_of_words_begin_at_words_and_cover_the_text(text: str, by_sentence: bool) -> None:
    offsets = words_of(text)
    first = np.arange(len(offsets), dtype=np.int32) * 2  # each word has two pieces
    windows, _ = plan_text(text, first, 2 * len(offsets), SIZE, by_sentence=by_sentence, offsets=offsets)
    starts = set(offsets[:, 0].tolist())
    assert all(window.start in starts | {0} and window.end in starts | {len(text)} for window in windows)
    sizes = [sum(window.start <= start < window.end for start in starts) for window in windows]
    assert all(2 * size <= SIZE for size in sizes)
    covered = {position for window in windows for position in range(window.start, window.end)}
    assert covered == (set(range(len(text))) if len(offsets) else set())


def test_windows_of_words_end_with_a_sentence() -> None:
    text = "aa bb. " + "cc " * 12 + "dd. " + "ee " * 20
    offsets = words_of(text)
    first = np.arange(len(offsets), dtype=np.int32)
    # A line break or a mark such as ; or ! ends a sentence; a full stop can belong to an abbreviation.
    text = text.replace("dd.", "dd!")
    windows, ends = plan_text(text, first, len(offsets), 20, by_sentence=False, offsets=offsets)
    assert text[: windows[0].end].endswith("dd! ")
    assert ends == [text.index("dd!") + 3]
