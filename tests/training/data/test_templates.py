"""Templates are filled with names whose spans are exact."""

from __future__ import annotations

import random
import re
from pathlib import Path

from training.data.corpora import TYPES
from training.data.names import gather
from training.data.templates import GAPS, everyday, fill, gap_draws, read_templates


def test_every_gap_is_known() -> None:
    gaps = {gap for template in read_templates() for gap in re.findall(r"\{(\w+)\}", template)}
    assert gaps <= GAPS.keys()
    assert set(GAPS.values()) == set(TYPES)


def test_a_gap_becomes_a_span_of_its_type() -> None:
    sentence = fill("{PER}在{CITY}。", {"PER": lambda _: "张三", "CITY": lambda _: "北京"}, random.Random(1))
    assert sentence.text == "张三在北京。"
    assert [(sentence.text[span.start : span.end], span.type) for span in sentence.spans] == [
        ("张三", "PER"),
        ("北京", "LOC"),
    ]


def test_every_gap_can_be_filled(data: Path) -> None:
    draws = gap_draws(gather(data / "lexicons", []), data / "lexicons")
    assert draws.keys() == GAPS.keys()
    assert all(draw(random.Random(1)) for draw in draws.values())


def test_the_same_seed_gives_the_same_sentences(data: Path) -> None:
    names = gather(data / "lexicons", [])
    assert everyday(names, 20, data, seed=3) == everyday(names, 20, data, seed=3)
