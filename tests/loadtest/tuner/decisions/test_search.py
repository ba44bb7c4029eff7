"""The search finds the knee of any service whose latency grows with the rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.tuner.decisions.search import MAX_RUNS, MAX_RUNS_PER_RATE, Bracket, Search, can_win, rounded, verdict


@dataclass(frozen=True)
class Result:
    rate: float
    passed: bool
    clear: bool = True


def searched(search: Search, passes: Callable[[float, int], Result]) -> list[Result]:
    runs: list[Result] = []
    while (rate := search.next_rate(runs)) is not None:
        runs.append(passes(rate, len(runs)))
    return runs


def queue(capacity: float, clear: bool = True) -> Callable[[float, int], Result]:
    """A service that meets the goal up to `capacity`."""
    return lambda rate, _: Result(rate, rate <= capacity, clear)


@given(capacity=st.floats(1, 5000), start=st.floats(0.5, 5000), clear=st.booleans())
def test_the_bracket_holds_the_capacity(capacity: float, start: float, clear: bool) -> None:
    search = Search(start=start)
    runs = searched(search, queue(capacity, clear))
    bracket = search.bracket(runs)
    assert bracket.passed is not None
    assert bracket.failed is not None
    assert bracket.passed <= capacity < bracket.failed
    # Rates have three significant digits.
    assert bracket.failed / bracket.passed <= 1.06
    assert bracket.confirmed
    assert len(runs) <= MAX_RUNS
    for rate in (bracket.passed, bracket.failed):
        assert sum(run.rate == rate for run in runs) == 2


@given(capacity=st.floats(1, 5000), start=st.floats(0.5, 5000), flips=st.sets(st.integers(0, MAX_RUNS), max_size=12))
def test_wrong_runs_never_make_the_search_endless(capacity: float, start: float, flips: set[int]) -> None:
    def noisy(rate: float, number: int) -> Result:
        return Result(rate, (rate <= capacity) != (number in flips), clear=False)

    runs = searched(Search(start=start), noisy)
    assert len(runs) <= MAX_RUNS
    assert all(sum(run.rate == rate for run in runs) <= MAX_RUNS_PER_RATE for rate in {run.rate for run in runs})


@given(capacity=st.floats(10, 1000), wrong=st.integers(0, 20))
def test_one_wrong_run_is_outvoted(capacity: float, wrong: int) -> None:
    def noisy(rate: float, number: int) -> Result:
        return Result(rate, (rate <= capacity) != (number == wrong), clear=False)

    search = Search(start=50)
    bracket = search.bracket(searched(search, noisy))
    assert bracket.passed is not None
    assert bracket.passed <= capacity
    assert bracket.passed >= capacity / 1.08


@given(capacity=st.floats(10, 1000), cut=st.integers(0, 20))
def test_a_resumed_search_goes_on_as_if_it_had_not_stopped(capacity: float, cut: int) -> None:
    search, service = Search(start=40), queue(capacity)
    whole = searched(search, service)
    runs = whole[:cut]
    while (rate := search.next_rate(runs)) is not None:
        runs.append(service(rate, len(runs)))
    assert runs == whole


def test_a_service_that_never_meets_the_goal() -> None:
    search = Search(start=10, least=1)
    runs = searched(search, queue(0))
    assert search.bracket(runs).passed is None
    assert min(run.rate for run in runs) == 1


def test_a_service_that_always_meets_the_goal() -> None:
    search = Search(start=10, most=1000)
    assert search.bracket(searched(search, queue(10**9))) == Bracket(1000, None, True)


def test_clear_runs_need_no_repetition_and_others_need_a_majority() -> None:
    assert verdict([Result(1, True)], 1) is True
    assert verdict([Result(1, True, clear=False)], 1) is None
    assert verdict([Result(1, True), Result(1, False)], 1) is None
    assert verdict([Result(1, True), Result(1, False), Result(1, False)], 1) is False
    assert verdict([], 1) is None


def test_candidates_that_cannot_win_are_dropped() -> None:
    assert can_win(Bracket(10, None, False), best=100, margin=0.1)
    assert can_win(Bracket(10, 95, False), best=100, margin=0.1)
    assert not can_win(Bracket(10, 90, False), best=100, margin=0.1)


@pytest.mark.parametrize(("rate", "short"), [(123.456, 123), (0.123456, 0.123), (9999, 10_000)])
def test_rates_have_three_digits(rate: float, short: float) -> None:
    assert rounded(rate) == short
