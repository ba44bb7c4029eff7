"""Candidates whose alternating rounds show no clear difference are tied."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.tuner.decisions.comparison import MAX_ROUNDS, MIN_ROUNDS, Comparison, ratio_interval
from tests.support.tunings import ONE, TWO, WIDE


def compared(*speeds: float, noise: float, seed: int = 0) -> Comparison:
    """Compare candidates on a machine whose speed changes from round to round, with a little noise in a round."""
    random = Random(seed)
    comparison = Comparison(finalists=[TWO, ONE, WIDE][: len(speeds)], bound=0.9)
    while not comparison.decided:
        machine = random.uniform(0.6, 1.4)
        comparison.rounds.append([machine * speed * random.uniform(1 - noise, 1 + noise) for speed in speeds])
    return comparison


@given(seed=st.integers(0, 1000), ratio=st.floats(0.3, 0.8))
def test_a_slower_candidate_is_found_although_the_machine_changes(seed: int, ratio: float) -> None:
    comparison = compared(300, 300 * ratio, noise=0.04, seed=seed)
    assert comparison.equal == [TWO]


@given(seed=st.integers(0, 1000), ratio=st.floats(0.97, 1.0))
def test_candidates_with_nearly_the_same_speed_are_equal(seed: int, ratio: float) -> None:
    comparison = compared(300, 300 * ratio, noise=0.04, seed=seed)
    assert comparison.equal == [TWO, ONE]


def test_the_candidate_with_the_highest_rate_may_lose_the_comparison() -> None:
    comparison = compared(200, 300, noise=0.02)
    assert comparison.equal == [ONE]
    assert comparison.describe(ONE) == f"the highest throughput in {len(comparison.rounds)} alternating rounds"
    assert str(comparison.describe(TWO)).startswith("worse than the best: 67 %".replace(" %", "%"))
    assert comparison.describe(WIDE) is None


def test_rounds_end_as_soon_as_all_are_told_apart() -> None:
    assert len(compared(300, 150, 100, noise=0.01).rounds) == MIN_ROUNDS
    assert len(compared(300, 270, noise=0.3).rounds) == MAX_ROUNDS


def test_a_tie_is_named() -> None:
    comparison = compared(300, 297, noise=0.02)
    texts = [comparison.describe(candidate) for candidate in (TWO, ONE)]
    assert any(text and text.endswith("(a tie)") for text in texts)
    assert any(text and text.startswith("equal to the best") for text in texts)


@pytest.mark.parametrize("ratios", [[], [0.5]])
def test_one_round_shows_nothing(ratios: list[float]) -> None:
    low, _, high = ratio_interval(ratios)
    assert low == 0
    assert high > 1e9


def test_the_interval_of_equal_ratios_has_no_width() -> None:
    assert ratio_interval([0.8] * 5) == pytest.approx((0.8, 0.8, 0.8))
