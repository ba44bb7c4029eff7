"""Spans become labels and back; partly annotated sentences allow several labels."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from training.data.corpora import Sentence, Span
from training.data.tagset import Tagset

TAGSET = Tagset(("PER", "LOC", "TIME"))


@st.composite
def spans_of(draw: st.DrawFn, types: tuple[str | None, ...]) -> tuple[int, list[Span]]:
    """A length and disjoint spans in it."""
    spans: list[Span] = []
    position = 0
    for gap, length, type_ in draw(
        st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.sampled_from(types)), max_size=6)
    ):
        spans.append(Span(position + gap, position + gap + length, type_))
        position = spans[-1].end
    return position + draw(st.integers(0, 3)), spans


@given(spans_of(TAGSET.types))
def test_encoded_spans_are_decoded(drawn: tuple[int, list[Span]]) -> None:
    length, spans = drawn
    assert TAGSET.decode(TAGSET.encode(length, spans).tolist()) == spans


def test_labels_are_o_followed_by_bies_of_each_type() -> None:
    assert TAGSET.labels[:6] == ["O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC"]
    assert len(TAGSET) == len(TAGSET.labels) == 13


@given(spans_of((*TAGSET.types, None)), st.sets(st.sampled_from(TAGSET.types)))
def test_the_annotated_path_is_legal_and_allowed(drawn: tuple[int, list[Span]], annotated: set[str]) -> None:
    length, spans = drawn
    allowed = TAGSET.allowed(Sentence("字" * length, tuple(spans), frozenset(annotated)))
    labels = TAGSET.encode(length, spans).tolist()
    assert all(allowed[at, label] for at, label in enumerate(labels))
    legal = TAGSET.legal_transitions()
    assert all(legal[first, second] for first, second in pairwise(labels))
    if labels:
        assert TAGSET.legal_starts()[labels[0]]
        assert TAGSET.legal_ends()[labels[-1]]


def test_outside_of_entities_only_unannotated_types_are_allowed() -> None:
    sentence = Sentence("马云说", (Span(0, 2, "PER"),), frozenset({"PER", "LOC"}))
    allowed = TAGSET.allowed(sentence)
    assert [TAGSET.labels[label] for label in allowed[0].nonzero()[0]] == ["B-PER"]
    assert [TAGSET.labels[label] for label in allowed[1].nonzero()[0]] == ["E-PER"]
    assert [TAGSET.labels[label] for label in allowed[2].nonzero()[0]] == ["O", "B-TIME", "I-TIME", "E-TIME", "S-TIME"]


def test_a_span_of_unknown_type_allows_everything() -> None:
    allowed = TAGSET.allowed(Sentence("红楼梦好", (Span(0, 3, None),), frozenset(TAGSET.types)))
    assert allowed[:3].all()
    assert allowed[3].nonzero()[0].tolist() == [0]


def test_transitions_stay_within_a_type() -> None:
    legal = TAGSET.legal_transitions()
    assert legal[TAGSET.label("B", "PER"), TAGSET.label("E", "PER")]
    assert not legal[TAGSET.label("B", "PER"), TAGSET.label("E", "LOC")]
    assert not legal[TAGSET.label("B", "PER"), 0]
    assert not legal[0, TAGSET.label("I", "PER")]
    assert legal[TAGSET.label("E", "PER"), TAGSET.label("S", "LOC")]
