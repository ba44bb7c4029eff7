"""The bias that makes the CRF obey a lexicon, compared with all paths of small inputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_runtime.inference.constraints.tags import Place, TagTable
from ner_runtime.inference.crf import Crf
from ner_runtime.inference.spans import Span

BIOES = ["O", *(f"{prefix}-{type_}" for type_ in ("PER", "LOC") for prefix in "BIES")]
BIO = ["B-PER", "O", "I-PER", "B-LOC", "I-LOC"]
LENGTH = 6


def decode(labels: list[str], seed: int, clamped: list[Place], banned: list[Place]) -> list[Span]:
    random = np.random.default_rng(seed)
    count = len(labels)
    start, end = random.normal(size=(2, count)).astype(np.float32)
    crf = Crf(labels, start, end, random.normal(size=(count, count)).astype(np.float32))
    emissions = random.normal(scale=3, size=(1, LENGTH, count)).astype(np.float32)
    bias = TagTable(labels).bias(LENGTH, clamped, banned, [])
    return crf.decode(emissions, [LENGTH], bias[None])[0]


@settings(deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([BIO, BIOES]),
    st.integers(0, LENGTH - 1),
    st.integers(1, LENGTH),
    st.sampled_from(["PER", "LOC", "BRAND"]),
)
def test_a_clamped_place_is_one_entity(seed: int, labels: list[str], start: int, size: int, type_: str) -> None:
    end = min(start + size, LENGTH)
    spans = decode(labels, seed, [Place(start, end, type_)], [])
    [found] = [span for span in spans if span.start < end and start < span.end]
    assert (found.start, found.end) == (start, end)
    assert found.type == type_ or type_ == "BRAND"
    assert 0 <= found.score <= 1


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([BIO, BIOES]), st.sampled_from(["PER", "*"]))
def test_no_entity_begins_in_a_banned_place(seed: int, labels: list[str], type_: str) -> None:
    spans = decode(labels, seed, [], [Place(2, 4, type_)])
    beginning = {span.type for span in spans if 2 <= span.start < 4}
    assert beginning <= (set() if type_ == "*" else {"LOC"})


@pytest.mark.parametrize(("place", "expected"), [(Place(-2, 3, "PER"), (0, 3)), (Place(4, 9, "PER"), (4, 6))])
def test_a_place_at_the_edge_of_a_window_fills_the_window(place: Place, expected: tuple[int, int]) -> None:
    for labels in (BIO, BIOES):
        spans = decode(labels, 1, [place], [])
        assert expected in [(span.start, span.end) for span in spans]


def test_a_hint_adds_its_weight_to_the_tags_of_its_type() -> None:
    table = TagTable(BIOES)
    bias = table.bias(LENGTH, [], [], [(Place(1, 4, "PER"), 2.5), (Place(0, 1, "BRAND"), 9.0)])
    marked = {(position, BIOES[tag]): float(bias[position, tag]) for position, tag in np.argwhere(bias)}
    assert marked == {(1, "B-PER"): 2.5, (2, "I-PER"): 2.5, (3, "E-PER"): 2.5}
