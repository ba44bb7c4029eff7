"""The CRF compared with brute force over all paths of small inputs, and with a plain CRF on longer ones."""

from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner_runtime.errors import InvalidModel
from ner_runtime.inference.crf import Crf, Floats
from ner_runtime.inference.marginals import Lattice, RowLattice, Weights
from tests.support.models import reference_crf

BIOES = ["O", "B-PER", "I-PER", "E-PER", "S-PER"]
BIO = ["B-PER", "O", "I-PER"]


def random_parts(labels: list[str], seed: int) -> tuple[Floats, Floats, Floats]:
    random = np.random.default_rng(seed)
    count = len(labels)
    start, end = random.normal(size=(2, count)).astype(np.float32)
    return start, end, random.normal(size=(count, count)).astype(np.float32)


def all_paths(parts: tuple[Floats, Floats, Floats], emissions: Floats) -> dict[tuple[int, ...], float]:
    """The score of every path through `emissions` (positions, labels)."""
    start, end, transitions = (part.astype(np.float64) for part in parts)
    scores: dict[tuple[int, ...], float] = {}
    for path in product(range(len(start)), repeat=len(emissions)):
        score = start[path[0]] + end[path[-1]] + sum(emissions[t, tag] for t, tag in enumerate(path))
        scores[path] = float(score + sum(transitions[a, b] for a, b in pairwise(path)))
    return scores


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([BIOES, BIO]), st.integers(1, 5))
def test_viterbi_finds_the_best_path(seed: int, labels: list[str], positions: int) -> None:
    parts = random_parts(labels, seed)
    emissions = np.random.default_rng(seed + 1).normal(size=(positions, len(labels))).astype(np.float32)
    scores = all_paths(parts, emissions)
    [found] = Crf(labels, *parts).viterbi(emissions[None], np.array([positions]))
    assert scores[tuple(found.tolist())] == pytest.approx(max(scores.values()), abs=1e-4)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_score_is_the_probability_of_all_paths_with_the_entity(seed: int, positions: int) -> None:
    parts = random_parts(BIOES, seed)
    emissions = np.random.default_rng(seed + 1).normal(size=(positions, 5)).astype(np.float32)
    scores = all_paths(parts, emissions)
    best = max(scores, key=scores.__getitem__)
    total = sum(np.exp(score) for score in scores.values())
    [spans] = Crf(BIOES, *parts).decode(emissions[None], [positions])
    for span in spans:
        closed = best[span.end - 1] in (3, 4)
        share = sum(
            np.exp(score)
            for path, score in scores.items()
            if path[span.start : span.end] == best[span.start : span.end]
            and (closed or span.end == positions or path[span.end] not in (2, 3))
        )
        assert span.score == pytest.approx(share / total, abs=1e-6)


def test_bio_score_includes_the_end_of_the_entity() -> None:
    # B is certain at position 0; O at position 1 is only slightly more likely than I.
    emissions = np.array([[[9, 0, 0], [0, 1.01, 1]]], dtype=np.float32)
    zeros = np.zeros(3, dtype=np.float32)
    [[span]] = Crf(BIO, zeros, zeros, np.zeros((3, 3), dtype=np.float32)).decode(emissions, [2])
    assert (span.start, span.end) == (0, 1)
    assert 0.5 < span.score < 0.7


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    labels=st.sampled_from([BIOES, BIO]),
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    outside=st.sampled_from([0, 2, 50]),
    grid=st.sampled_from([0.5, 1e-7]),
    spread=st.sampled_from([1, 40]),
)
def test_spans_and_scores_are_those_of_a_plain_crf(
    seed: int, labels: list[str], lengths: list[int], outside: float, grid: float, spread: int
) -> None:
    random = np.random.default_rng(seed)
    # On a coarse grid, many paths have the same score.
    start, end, transitions = (((part / grid).round() * grid).astype(np.float32) for part in random_parts(labels, seed))
    # With a large spread, some transitions are so rare that the forward weights have no common scale.
    transitions *= spread
    emissions = random.normal(scale=2 * spread, size=(len(lengths), max(lengths), len(labels)))
    emissions = ((emissions / grid).round() * grid).astype(np.float32)
    # A high score of O makes spans rare, or leaves none.
    emissions[:, :, labels.index("O")] += outside
    found = Crf(labels, start, end, transitions).decode(emissions, lengths)
    for spans, row, length in zip(found, emissions, lengths, strict=True):
        expected = reference_crf.decode(labels, start, end, transitions, row[:length])
        assert [(span.type, span.start, span.end) for span in spans] == [(s.type, s.start, s.end) for s in expected]
        assert [span.score for span in spans] == pytest.approx([span.score for span in expected], abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_other_rows_and_padding_have_no_effect(seed: int, lengths: list[int]) -> None:
    random = np.random.default_rng(seed)
    crf = Crf(BIOES, *random_parts(BIOES, seed))
    emissions = random.normal(scale=3, size=(len(lengths), max(lengths), 5)).astype(np.float32)
    together = crf.decode(emissions, lengths)
    alone = [crf.decode(row[None, :length], [length])[0] for row, length in zip(emissions, lengths, strict=True)]
    for ours, theirs in zip(together, alone, strict=True):
        assert [(c.type, c.start, c.end) for c in ours] == [(c.type, c.start, c.end) for c in theirs]
        assert [c.score for c in ours] == pytest.approx([c.score for c in theirs], abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 10_000),
    st.sampled_from([BIOES, BIO]),
    st.integers(1, 60),
    st.sampled_from([0.5, 20.0, 300.0]),
    st.data(),
)
def test_weights_of_a_row_are_those_of_a_batch(
    seed: int, labels: list[str], length: int, spread: float, data: st.DataObject
) -> None:
    random = np.random.default_rng(seed)
    weights = Weights.of(*random_parts(labels, seed))
    emissions = random.normal(scale=spread, size=(length, len(labels))).astype(np.float32)
    starts = sorted(data.draw(st.lists(st.integers(0, length - 1), min_size=1, max_size=4)))
    paths = [emissions[start : start + 3].argmax(axis=1).tolist() for start in starts]
    ends = [start + len(path) - 1 for start, path in zip(starts, paths, strict=True)]
    row = RowLattice(weights, emissions, min(ends), max(ends))
    assert row.in_range or spread > 1
    if row.in_range:
        batch = Lattice(weights, emissions[None], np.array([length]))
        for following in (None, weights.transitions[0]):
            found, expected = (
                [one.probability(0, start, path, following) for start, path in zip(starts, paths, strict=True)]
                for one in (row, batch)
            )
            assert found == pytest.approx(expected, abs=1e-9)


def test_ties_resolve_to_the_lower_tag() -> None:
    crf = Crf(BIOES, *(np.zeros(shape, dtype=np.float32) for shape in (5, 5, (5, 5))))
    assert crf.viterbi(np.zeros((1, 3, 5), dtype=np.float32), np.array([3])).tolist() == [[0, 0, 0]]


def test_scores_stay_in_range_for_long_rows_and_forbidden_transitions() -> None:
    start, end, transitions = random_parts(BIOES, 1)
    transitions[0, 2:4] = -10_000
    crf = Crf(BIOES, start, end, transitions)
    for scale in (20, 2000):
        emissions = np.random.default_rng(3).normal(scale=scale, size=(1, 510, 5)).astype(np.float32)
        [spans] = crf.decode(emissions, [510])
        assert spans
        assert all(0 <= span.score <= 1 for span in spans)


def test_a_path_of_forbidden_transitions_has_a_score() -> None:
    # The emissions of B are so high that the best path uses the forbidden transition from B to B.
    start, end, transitions = (np.zeros(shape, dtype=np.float32) for shape in (3, 3, (3, 3)))
    transitions[0, 0] = -10_000
    emissions = np.zeros((1, 50, 3), dtype=np.float32)
    emissions[:, :, 0] = 20_000
    [spans] = Crf(BIO, start, end, transitions).decode(emissions, [50])
    assert len(spans) == 50
    assert all(0 <= span.score <= 1 for span in spans)


def test_invalid_parameters_are_rejected(tmp_path: Path) -> None:
    start, end, transitions = random_parts(BIOES, 0)
    with pytest.raises(InvalidModel, match="shapes of the CRF do not match its 3 labels"):
        Crf(BIO, start, end, transitions)
    with pytest.raises(InvalidModel, match="not finite"):
        Crf(BIOES, start * np.float32("nan"), end, transitions)
    (tmp_path / "crf.npz").write_bytes(b"not a zip")
    with pytest.raises(InvalidModel, match="cannot be read"):
        Crf.from_file(tmp_path / "crf.npz", BIOES)
    np.savez(tmp_path / "crf.npz", start_transitions=start)
    with pytest.raises(InvalidModel, match="cannot be read"):
        Crf.from_file(tmp_path / "crf.npz", BIOES)
    (tmp_path / "crf.npz").write_bytes((tmp_path / "crf.npz").read_bytes()[:-40])
    with pytest.raises(InvalidModel, match="cannot be read"):
        Crf.from_file(tmp_path / "crf.npz", BIOES)


@pytest.mark.parametrize("length", [64, 510])
@pytest.mark.parametrize("gap", [0.0, 1.5, 3.0])
def test_an_entity_before_a_long_tail_keeps_its_score(length: int, gap: float) -> None:
    # After the entity, every step costs `gap` against the best transition: without scaling, the weights would vanish.
    labels = ["O", "B-PER", "I-PER", "E-PER", "S-PER"]
    start = np.zeros(5, np.float32)
    transitions = np.zeros((5, 5), np.float32)
    transitions[[1, 1, 2], [2, 3, 3]] = gap
    emissions = np.zeros((1, length, 5), np.float32)
    emissions[:, :, 0] = 8
    emissions[0, :2, 0] = 0
    emissions[0, [0, 1], [1, 3]] = 9
    [[span]] = Crf(labels, start, start, transitions).decode(emissions, [length])
    [expected] = reference_crf.decode(labels, start, start, transitions, emissions[0])
    assert (span.start, span.end) == (0, 2)
    assert span.score == pytest.approx(expected.score, abs=1e-9)
