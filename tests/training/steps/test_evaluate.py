"""Entities are counted by type and both ends."""

from __future__ import annotations

from training.data.corpora import Sentence, Span
from training.steps.evaluate import Tally, format_table

PER_LOC = frozenset({"PER", "LOC"})
TEXT = "马云在杭州看红楼梦"


def tally(spans: tuple[Span, ...], found: list[Span]) -> Tally:
    result = Tally()
    result.add(Sentence(TEXT, spans, PER_LOC), found)
    return result


def test_type_and_both_ends_must_be_right() -> None:
    gold = (Span(0, 2, "PER"), Span(3, 5, "LOC"))
    scores = tally(gold, [Span(0, 2, "PER"), Span(3, 4, "LOC"), Span(6, 9, "LOC")]).scores()
    assert scores["precision"] == 33.33
    assert scores["recall"] == 50.0
    assert scores["f1"] == 40.0
    assert scores["types"]["PER"] == {"precision": 100.0, "recall": 100.0, "f1": 100.0, "support": 1}
    assert scores["types"]["LOC"]["f1"] == 0.0


def test_types_that_a_set_does_not_annotate_are_not_scored() -> None:
    scores = tally((Span(0, 2, "PER"), Span(3, 5, "TIME")), [Span(0, 2, "PER"), Span(6, 9, "ORG")]).scores()
    assert scores["f1"] == 100.0
    assert scores["support"] == 1


def test_entities_that_overlap_an_unknown_span_are_ignored() -> None:
    scores = tally((Span(0, 2, "PER"), Span(6, 9, None)), [Span(0, 2, "PER"), Span(7, 9, "PER")]).scores()
    assert scores["f1"] == 100.0


def test_no_entities_at_all_score_zero() -> None:
    assert Tally().scores()["f1"] == 0.0


def test_the_table_has_one_line_per_set() -> None:
    table = format_table({"msra": tally((Span(0, 2, "PER"),), [Span(0, 2, "PER")]).scores()})
    assert table.split() == ["msra", "100.00", "PER", "100.0"]
