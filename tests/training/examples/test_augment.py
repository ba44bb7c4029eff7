"""Augmented sentences keep their spans on their names."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data.corpora import Sentence, Span
from training.data.names import Names
from training.data.script import FULL_TO_HALF, HALF_TO_FULL, to_simplified, to_traditional
from training.examples.augment import (
    Augmenter,
    Edit,
    Rates,
    open_end,
    splice,
    strip_punctuation,
    swap_names,
    translate,
    vary_punctuation,
)

NAMES = Names(
    {
        "PER": [(lambda chance: chance.choice(["欧阳修远", "李静", "约翰·史密斯"]), 1.0)],
        "LOC": [(lambda chance: chance.choice(["乌鲁木齐", "苏州"]), 1.0)],
    }
)
EVERYTHING = Rates(swap=0.8, half=0.4, full=0.4, traditional=0.5, bare=0.3, punctuation=0.3, open_end=0.3)


def sentence_of(*parts: str | tuple[str, str | None]) -> Sentence:
    """A sentence of plain strings and (name, type) pairs."""
    text, spans = "", list[Span]()
    for part in parts:
        if isinstance(part, tuple):
            spans.append(Span(len(text), len(text) + len(part[0]), part[1]))
        text += part if isinstance(part, str) else part[0]
    return Sentence(text, tuple(spans), frozenset({"PER", "LOC"}))


def names_in(sentence: Sentence) -> list[tuple[str, str | None]]:
    return [(sentence.text[span.start : span.end], span.type) for span in sentence.spans]


_plain = st.text(alphabet="的在和，。、说１2A“”·!", max_size=5)
_name = st.tuples(st.sampled_from(["马云", "杭州", "京", "张三。"]), st.sampled_from(["PER", "LOC", None]))
sentences = st.lists(st.one_of(_plain, _name), max_size=8).map(lambda parts: sentence_of(*parts))


@given(sentences, st.integers())
def test_spans_stay_sorted_disjoint_and_of_their_types(sentence: Sentence, seed: int) -> None:
    changed = Augmenter(NAMES, EVERYTHING)(sentence, random.Random(seed))
    assert [span.type for span in changed.spans] == [span.type for span in sentence.spans]
    ends = [0, *(edge for span in changed.spans for edge in (span.start, span.end)), len(changed.text)]
    assert ends == sorted(ends)
    assert all(span.start < span.end for span in changed.spans)
    assert changed.annotated == sentence.annotated


@given(sentences, st.integers())
def test_changes_of_punctuation_keep_names(sentence: Sentence, seed: int) -> None:
    for changed in (
        strip_punctuation(sentence),
        open_end(sentence),
        vary_punctuation(sentence, random.Random(seed)),
    ):
        assert names_in(changed) == names_in(sentence)


@given(sentences, st.integers())
def test_swapped_names_are_names_of_their_type(sentence: Sentence, seed: int) -> None:
    drawn = {"PER": {"欧阳修远", "李静", "约翰·史密斯"}, "LOC": {"乌鲁木齐", "苏州"}}
    changed = swap_names(sentence, NAMES, 1.0, random.Random(seed))
    for before, (name, type_) in zip(names_in(sentence), names_in(changed), strict=True):
        if type_ is None or len(before[0]) == 1:
            assert (name, type_) == before
        else:
            assert name in drawn[type_]


@given(st.text())
def test_script_and_width_keep_lengths(text: str) -> None:
    sentence = sentence_of(text)
    assert len(to_traditional(text)) == len(text) == len(to_simplified(text))
    assert len(translate(sentence, HALF_TO_FULL).text) == len(text)
    assert len(translate(sentence, FULL_TO_HALF).text) == len(text)


def test_the_same_seed_gives_the_same_sentence() -> None:
    sentence = sentence_of(("马云", "PER"), "到了", ("杭州", "LOC"), "，很高兴。")
    augment = Augmenter(NAMES, EVERYTHING)
    assert augment(sentence, random.Random(3)) == augment(sentence, random.Random(3))


def test_strip_punctuation_keeps_numbers_and_names_whole() -> None:
    sentence = sentence_of("增长3.5%，", ("约翰·史密斯", "PER"), "说。")
    assert strip_punctuation(sentence).text == "增长3.5%约翰·史密斯说"


def test_splice_moves_the_spans_behind_an_edit() -> None:
    sentence = sentence_of("，", ("马云", "PER"), "、", ("杭州", "LOC"), "。")
    changed = splice(sentence, [Edit(0, 1, ""), Edit(1, 3, "欧阳修远"), Edit(3, 4, "和的"), Edit(6, 7, "!")])
    assert changed.text == "欧阳修远和的杭州!"
    assert names_in(changed) == [("欧阳修远", "PER"), ("杭州", "LOC")]


@pytest.mark.parametrize(("simplified", "traditional"), [("龙华东路", "龍華東路"), ("abc", "abc")])
def test_to_traditional_and_back(simplified: str, traditional: str) -> None:
    assert to_traditional(simplified) == traditional
    assert to_simplified(traditional) == simplified
