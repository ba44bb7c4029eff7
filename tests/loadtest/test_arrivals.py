"""Arrival times are those of a Poisson process."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from statistics import mean, pstdev

import pytest

from loadtest.arrivals import poisson_times, varying_poisson_times
from loadtest.shapes import Shape, ShapeName


@pytest.mark.parametrize("rate", [5.0, 300.0])
def test_gaps_are_exponential(rate: float) -> None:
    times = list(poisson_times(rate, 10_000 / rate, Random(1)))
    gaps = [after - before for before, after in pairwise([0.0, *times])]
    # The mean and the standard deviation of an exponential distribution are equal.
    assert mean(gaps) == pytest.approx(1 / rate, rel=0.05)
    assert pstdev(gaps) == pytest.approx(1 / rate, rel=0.05)
    assert min(gaps) > 0


def test_parts_of_a_load_add_up_to_a_poisson_process() -> None:
    parts = [list(poisson_times(50, 100, Random(seed))) for seed in (1, 2)]
    times = sorted(parts[0] + parts[1])
    gaps = [after - before for before, after in pairwise(times)]
    assert len(times) == pytest.approx(10_000, rel=0.05)
    assert pstdev(gaps) == pytest.approx(mean(gaps), rel=0.05)


def test_a_seed_repeats_the_same_times() -> None:
    assert list(poisson_times(9, 9, Random(3))) == list(poisson_times(9, 9, Random(3)))


def test_the_rate_follows_the_shape() -> None:
    shape = Shape(ShapeName.POISSON_SPIKE, 1, 100, rate=100)
    times = list(varying_poisson_times(shape.rate, shape.share_at, shape.seconds, Random(1)))
    calm, spike = (sum(start <= time < start + 20 for time in times) for start in (0, 40))
    assert calm == pytest.approx(20 * 20, rel=0.2)
    assert spike == pytest.approx(20 * 100, rel=0.1)
