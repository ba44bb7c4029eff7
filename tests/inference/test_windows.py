import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.inference.spans import Span
from ner_runtime.inference.windows import (
    Window,
    clause_ends,
    holds_whole_words,
    longest_sentence,
    merge_spans,
    plan_sentence_windows,
    plan_text,
    plan_windows,
    possible_sentence_ends,
    sentence_ends,
    split_long_sentences,
)

SIZE = 32
piece_counts = st.lists(st.integers(1, 3), max_size=400)


def first_pieces(counts: list[int]) -> tuple[np.ndarray, int]:
    """Index of the first piece of each code point, and the number of pieces, from the pieces of each code point."""
    total = np.cumsum([0, *counts])
    return total[:-1].astype(np.int32), int(total[-1])


def windows_of(length: int) -> list[Window]:
    return plan_windows(*first_pieces([1] * length), SIZE)


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


def seen_from(windows: list[Window], entities: list[Span]) -> list[list[Span]]:
    """The spans that a perfect model finds in each window: the entities completely inside it."""
    return [
        [
            entity.moved(-window.start)
            for entity in entities
            if window.start <= entity.start and entity.end <= window.end
        ]
        for window in windows
    ]


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


SENTENCE = "一二三四五六。"


def test_possible_sentence_ends_include_closing_quotes() -> None:
    assert possible_sentence_ends("他说：“好！”然后走了。没有完") == [7, 12]
    assert possible_sentence_ends("一行\n\n两行") == [4]
    assert possible_sentence_ends("") == []


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


def test_boundary_prefers_sentence_ends() -> None:
    windows = [Window(0, 28), Window(21, 49)]
    # The left window contains part of a sentence that the right window contains from its beginning.
    left, right = [Span("LOC", 22, 24)], [Span("ORG", 1, 3)]
    assert merge_spans(windows, [left, right], [21, 40]) == [Span("ORG", 22, 24)]
    assert merge_spans(windows, [left, right], [28, 40]) == [Span("LOC", 22, 24)]


def test_sentence_ends_are_stricter_than_possible_ones() -> None:
    text = "他说：“走吧！” 于是走了；\n走了。。\n\n雅虎!日本…第三段\n\n完"
    assert [text[:stop][-3:] for stop in sentence_ends(text)] == ["！” ", "。\n\n", "段\n\n"]


def test_each_sentence_is_a_window_and_long_ones_are_split() -> None:
    text = "一二三。" * 10 + "四" * 40
    first, pieces = first_pieces([1] * len(text))
    windows = plan_sentence_windows(first, pieces, SIZE, sentence_ends(text))
    assert windows == [*(Window(start, start + 4) for start in range(0, 40, 4)), Window(40, 72), Window(64, 80)]
    assert plan_sentence_windows(*first_pieces([1] * 12), SIZE, [4, 12]) == [Window(0, 4), Window(4, 12)]
    assert plan_sentence_windows(*first_pieces([]), SIZE, []) == []


def test_clauses_end_at_commas_but_not_inside_numbers() -> None:
    text = "他说：“好，”花了1,000元,12:30走的；雅虎!日\n本"
    assert [text[:end][-3:] for end in clause_ends(text)] == ["他说：", "好，”", "0元,", "走的；"]


def test_longest_sentence() -> None:
    text = "一二三。四五六七。八"
    assert longest_sentence(*first_pieces([1] * len(text)), sentence_ends(text)) == 5
    assert longest_sentence(*first_pieces([3] * len(text)), sentence_ends(text)) == 15
    assert longest_sentence(*first_pieces([]), []) == 0


def parts_of(text: str, longest: int) -> list[str]:
    first, pieces = first_pieces([1] * len(text))
    cuts = split_long_sentences(
        first, pieces, sentence_ends(text), clause_ends(text), possible_sentence_ends(text), longest
    )
    return [text[start:end] for start, end in itertools.pairwise([0, *cuts])]


def test_long_sentence_is_split_between_clauses_into_similar_parts() -> None:
    assert parts_of("一，二，三，四。", 8) == ["一，二，三，四。"]
    assert parts_of("一，二，三，四，五。一，二。", 8) == ["一，二，", "三，四，五。", "一，二。"]
    assert parts_of("一，二二二二二二二二二二，三，四。", 8) == ["一，", "二二二二二二二二二二，", "三，四。"]
    assert parts_of("一，二二二二雅\n虎!二，三。", 12) == ["一，", "二二二二雅\n虎!二，三。"]
    assert parts_of("二二二二二二\n二二二二\n二二。", 8) == ["二二二二二二\n", "二二二二\n二二。"]
    assert parts_of("一" * 20, 8) == ["一" * 20]
    assert parts_of("", 8) == [""]


@given(st.text("一二3，,。!\n", max_size=200), st.integers(1, 40))
def test_parts_exceed_the_limit_only_without_clauses(text: str, longest: int) -> None:
    parts = parts_of(text, longest)
    assert "".join(parts) == text
    inside = [{end for end in (*clause_ends(part), *possible_sentence_ends(part)) if end < len(part)} for part in parts]
    assert all(len(part) <= longest or not ends for part, ends in zip(parts, inside, strict=True))


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


def words_of(text: str) -> np.ndarray:
    """Start and end of each word of a text."""
    return np.array([found.span() for found in re.finditer(r"\S+", text)], dtype=np.int32).reshape(-1, 2)


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


def test_part_that_cuts_a_word() -> None:
    offsets = words_of("Anna Miller (London)")
    assert holds_whole_words(offsets, 0, 11)
    assert holds_whole_words(offsets, 4, 12)
    assert not holds_whole_words(offsets, 0, 8)
    assert not holds_whole_words(offsets, 13, 19)
    assert not holds_whole_words(offsets, 4, 5)
