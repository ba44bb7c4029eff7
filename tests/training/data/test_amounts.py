"""Sums of money are found by a pattern."""

from __future__ import annotations

import pytest

from training.data.amounts import annotate, find_amounts
from training.data.corpora import Sentence, Span


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("价值人民币597元的物品", ["人民币597元"]),
        ("花了３．５万元和20亿美元", ["３．５万元", "20亿美元"]),
        ("三百多万元的奖金", ["三百多万元"]),
        ("1,200元现金，$50", ["1,200元", "$50"]),
        ("公元二〇〇八年，单元三，二元论", []),
        ("100米，3台，50％", []),
    ],
)
def test_find_amounts(text: str, amounts: list[str]) -> None:
    assert [text[start:end] for start, end in find_amounts(text)] == amounts


def test_amounts_are_added_if_the_corpus_does_not_annotate_money() -> None:
    sentence = Sentence("张三付了300元", (Span(0, 2, "PER"),), frozenset({"PER"}))
    assert annotate(sentence) == Sentence(
        "张三付了300元", (Span(0, 2, "PER"), Span(4, 8, "MONEY")), frozenset({"PER", "MONEY"})
    )


def test_an_amount_that_overlaps_a_span_is_not_added() -> None:
    sentence = Sentence("300元店", (Span(0, 5, None),), frozenset({"PER"}))
    assert annotate(sentence).spans == sentence.spans


def test_a_sentence_of_a_corpus_that_annotates_money_is_unchanged() -> None:
    sentence = Sentence("付了300元", (), frozenset({"MONEY"}))
    assert annotate(sentence) is sentence
