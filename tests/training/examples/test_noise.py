"""Markup stays outside of names, and names stay where their spans are."""

from __future__ import annotations

import random
import re

from hypothesis import given
from hypothesis import strategies as st

from training.data.corpora import Sentence, Span
from training.examples.noise import Noise, Noises, change_amounts, change_dots, insert, scatter_spaces, wrap

SENTENCE = Sentence(
    "张三在北京见了约翰·史密斯，付了1000元。",
    (Span(0, 2, "PER"), Span(3, 5, "LOC"), Span(7, 13, "PER"), Span(16, 21, "MONEY")),
    frozenset({"PER", "LOC"}),
)
EVERYTHING = Noises(wrap=0.6, start=0.5, end=0.5, spaces=0.6, dots=0.8, amounts=0.8)


def names_in(sentence: Sentence) -> list[str]:
    return [sentence.text[span.start : span.end] for span in sentence.spans]


@given(st.integers())
def test_spans_keep_their_order_and_types(seed: int) -> None:
    changed = Noise(EVERYTHING)(SENTENCE, random.Random(seed))
    assert [span.type for span in changed.spans] == [span.type for span in SENTENCE.spans]
    ends = [0, *(edge for span in changed.spans for edge in (span.start, span.end)), len(changed.text)]
    assert ends == sorted(ends)


@given(st.integers())
def test_a_name_without_its_spaces_and_dots_is_the_name(seed: int) -> None:
    noise = Noise(Noises(wrap=0.6, start=0.5, end=0.5, spaces=0.6, dots=0.8, amounts=0))
    plain = [re.sub(r"[\s\u200b．.∙⋅ㆍ・•‧･·]", "", name) for name in names_in(noise(SENTENCE, random.Random(seed)))]
    assert plain == ["张三", "北京", "约翰史密斯", "1000元"]


@given(st.integers())
def test_a_span_never_begins_or_ends_with_white_space(seed: int) -> None:
    names = names_in(scatter_spaces(SENTENCE, random.Random(seed)))
    assert names == [name.strip().strip("\u200b") for name in names]


def test_what_is_inserted_at_an_edge_is_not_part_of_the_span() -> None:
    changed = insert(SENTENCE, {0: "**", 2: "**", 4: " ", 21: "!"})
    assert changed.text == "**张三**在北 京见了约翰·史密斯，付了1000元!。"
    assert names_in(changed) == ["张三", "北 京", "约翰·史密斯", "1000元"]


def test_markup_does_not_give_names_away() -> None:
    chance = random.Random(5)
    marked = [wrap(Sentence("今天天气很好，我们出去走走。", (), frozenset()), chance).text for _ in range(50)]
    assert sum(text != "今天天气很好，我们出去走走。" for text in marked) > 10


def test_only_dots_within_names_change() -> None:
    sentence = Sentence("约翰·史密斯·", (Span(0, 6, "PER"),), frozenset())
    assert change_dots(sentence, random.Random(1)).text[-1] == "·"


def test_amounts_are_written_anew_and_nothing_else() -> None:
    changed = change_amounts(SENTENCE, 1.0, random.Random(2))
    assert names_in(changed)[:3] == names_in(SENTENCE)[:3]
    assert names_in(changed)[3] != "1000元"
