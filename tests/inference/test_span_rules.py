"""Repairing spans: edges, pairs of marks, and excluded parts of the text."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime import Recognizer
from ner_runtime.inference.span_rules import (
    PAIRS,
    QUOTES,
    excluded_between,
    is_invisible,
    repair_or_parts,
    repair_spans,
    unpaired_marks,
)
from ner_runtime.inference.spans import Span

INVISIBLE = (
    " \t\n\r\x00\x1f\x7f\x85\u00a0\u00ad\u034f\u115f\u200b\u200c\u200d\u2028\u202e\u2060\u3000\u3164\ufe0f\ufeff"
    "\ufffc\ufffd\ud800\udfff"
)
MARKS = "".join(PAIRS) + QUOTES
NAMES = [("PER", "张伟"), ("PER", "刘俊"), ("PER", "欧阳明"), ("LOC", "北京"), ("ORG", "华为公司")]
texts = st.text(st.sampled_from(INVISIBLE + MARKS + "张伟在北京中国银行D’A"), max_size=30)


@st.composite
def texts_with_spans(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """A text with random disjoint spans."""
    text = draw(texts)
    cuts = draw(st.lists(st.integers(0, len(text)), unique=True, max_size=8).map(sorted))
    return text, [Span("ORG", *ends, 0.5) for ends in zip(cuts[::2], cuts[1::2], strict=False)]


def repaired(text: str, *spans: str, **options: bool) -> list[str]:
    found = [Span("ORG", text.index(span), text.index(span) + len(span), 0.5) for span in spans]
    return [text[span.start : span.end] for span in repair_spans(text, found, **options)]


@given(texts_with_spans())
def test_repaired_spans_keep_the_rules(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    found = repair_spans(text, spans)
    for span in found:
        assert span.start < span.end
        assert not is_invisible(text[span.start])
        assert not is_invisible(text[span.end - 1])
        assert not unpaired_marks(text[span.start : span.end])
    assert all(left.end <= right.start for left, right in pairwise(found))
    assert repair_spans(text, found) == found


@given(texts_with_spans())
def test_spans_that_keep_the_rules_are_unchanged(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    kept = [
        span
        for span in spans
        if not unpaired_marks(text[span.start : span.end])
        and not any(map(is_invisible, (text[span.start], text[span.end - 1])))
    ]
    found = repair_spans(text, spans)
    assert [span for span in found if span in kept] == kept


@given(texts_with_spans(), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), max_size=5))
def test_excluded_parts_are_in_no_span(case: tuple[str, list[Span]], parts: list[tuple[int, int]]) -> None:
    text, spans = case
    excluded = [(start, min(start + size, len(text))) for start, size in sorted(set(parts)) if start < len(text)]
    excluded = [one for one, before in zip(excluded, [(-1, -1), *excluded], strict=False) if one[0] >= before[1]]
    for span in repair_spans(text, spans, excluded):
        assert not excluded_between(excluded, span.start, span.end)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_pair_is_kept_whole_or_not_at_all(pair: str) -> None:
    opening, closing = pair
    assert repaired(f"{opening}日报{closing}", f"日报{closing}") == ["日报"]
    assert repaired(f"{opening}日报{closing}", f"{opening}日报") == ["日报"]
    assert repaired(f"大学{opening}深圳{closing}", f"大学{opening}深圳") == [f"大学{opening}深圳{closing}"]
    assert repaired(f"{opening}广州{closing}银行", f"广州{closing}银行") == ["广州", "银行"]
    assert repaired(f"大学{opening}深圳", f"大学{opening}深圳") == ["大学", "深圳"]
    assert repaired(f"{opening}广州{closing}银行", f"{opening}广州{closing}银行") == [f"{opening}广州{closing}银行"]


@pytest.mark.parametrize("quote", QUOTES)
def test_quotes_without_direction(quote: str) -> None:
    assert repaired(f"{quote}日报{quote}", f"日报{quote}") == ["日报"]
    assert repaired(f"号{quote}神舟{quote}", f"号{quote}神舟") == [f"号{quote}神舟{quote}"]


def test_full_width_and_half_width_marks_are_different_pairs() -> None:
    assert repaired("大学（深圳)的", "大学（深圳)") == ["大学", "深圳"]


def test_crossing_pairs_are_unpaired() -> None:
    assert unpaired_marks("（《）》") == [0, 2]
    assert unpaired_marks("（《》）") == []


def test_an_apostrophe_between_latin_letters_is_not_a_quote() -> None:
    assert repaired("D’Angelo", "D’Angelo") == ["D’Angelo"]
    assert repaired("张’伟", "张’伟") == ["张", "伟"]


def test_a_span_of_nothing_but_white_space_and_marks_is_dropped() -> None:
    assert repaired(" \u200b（\u3000", " \u200b（\u3000") == []


def test_characters_that_stand_for_lost_text_are_no_entity() -> None:
    assert repaired("\ufffd\ufffd在北京\ufffc", "\ufffd\ufffd", "北京\ufffc") == ["北京"]


def test_an_extended_span_does_not_reach_into_the_next_one() -> None:
    text = "大学（深圳）银行"
    spans = [Span("ORG", 0, 5, 0.5), Span("ORG", 5, 8, 0.5)]
    found = [text[span.start : span.end] for span in repair_spans(text, spans)]
    assert found == ["大学", "深圳", "银行"]


def test_trimmed_and_extended_spans_keep_type_and_score() -> None:
    assert repair_spans("张伟 ", [Span("PER", 0, 3, 0.7)]) == [Span("PER", 0, 2, 0.7)]
    assert repair_spans("大学（深圳）", [Span("ORG", 0, 5, 0.7)]) == [Span("ORG", 0, 6, 0.7)]


def test_the_parts_of_a_split_span_are_decoded_again() -> None:
    text, spans = "广州】银行", [Span("ORG", 0, 5, 0.5)]
    assert repair_or_parts(text, spans) == ([], [(0, 2), (3, 5)])

    def decode_part(start: int, end: int) -> Sequence[Span]:
        return [Span("LOC", start, end, 0.9)] if start == 0 else []

    assert repair_spans(text, spans, (), decode_part) == [Span("LOC", 0, 2, 0.9)]


@pytest.mark.parametrize(
    ("text", "expected"), [("【广州】", "广州"), ("“《日报》”", "日报"), ("（一）和（二）", "（一）和（二）")]
)
def test_enclosing_pairs_can_be_removed(text: str, expected: str) -> None:
    assert repaired(text, text, unwrap=True) == [expected]
    assert repaired(text, text) == [text]


def test_invisible_characters() -> None:
    assert all(map(is_invisible, INVISIBLE))
    assert not any(map(is_invisible, "张aé1-·😀\u0301"))
    for code_point in range(sys.maxunicode + 1):
        character = chr(code_point)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp") or re.match(r"\s", character):
            assert is_invisible(character), f"U+{code_point:04X}"


@pytest.mark.parametrize("space", INVISIBLE, ids=lambda character: f"U+{ord(character):04X}")
def test_no_entity_has_white_space_at_its_edges(recognizer: Recognizer, space: str) -> None:
    templates = ("作者：{}{}（来源：新华社）", "据{}{}的消息", "@{}{}@李娜", "{}{}")
    given_texts = [
        template.format(name, space * count) for template in templates for _, name in NAMES for count in (1, 2)
    ]
    for text, entities in zip(given_texts, recognizer.recognize(given_texts, recognizer.types), strict=True):
        for entity in entities:
            assert not is_invisible(entity.span[0]), text
            assert not is_invisible(entity.span[-1]), text


@pytest.mark.parametrize("pair", [*PAIRS, *(quote * 2 for quote in QUOTES)])
def test_no_entity_has_half_a_pair(recognizer: Recognizer, pair: str) -> None:
    templates = ("{}", "{}中国银行", "中国银行{}", "{}的刘俊", "张伟{}在北京。", "北京大学{}的张伟")
    given_texts = [template.format(f"{pair[0]}{name}{pair[1]}") for template in templates for _, name in NAMES]
    for text, entities in zip(given_texts, recognizer.recognize(given_texts, recognizer.types), strict=True):
        assert not [entity.span for entity in entities if unpaired_marks(entity.span)], text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("作者：刘俊\u3000（来源：广州日报）", ("PER", "刘俊")),
        ("据张伟\n的消息", ("PER", "张伟")),
        ("@张伟 @李娜", ("PER", "张伟")),
        ("张伟（1980年）在北京。", ("TIME", "1980年")),
        ("中国科学院（沈阳分院）的张伟", ("ORG", "中国科学院（沈阳分院）")),
        ("《广州日报》的刘俊", ("ORG", "广州日报")),
        ("【广州市】中国银行", ("LOC", "广州市")),
        ("【广州市】中国银行", ("ORG", "中国银行")),
    ],
)
def test_reported_spans(recognizer: Recognizer, text: str, expected: tuple[str, str]) -> None:
    [entities] = recognizer.recognize([text], recognizer.types)
    assert expected in [(entity.type, entity.span) for entity in entities]
