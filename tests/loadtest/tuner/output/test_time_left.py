"""The estimated duration of the rest of a tuning run."""

from __future__ import annotations

from loadtest.tuner.decisions.choice import TIE
from loadtest.tuner.decisions.comparison import MAX_ROUNDS, Comparison
from loadtest.tuner.output.time_left import seconds_left
from tests.support.tunings import ONE, PLAN, TIED, TWO, WIDE, trial, tuning


def test_the_time_left_shrinks_with_every_trial() -> None:
    left = [seconds_left(tuning(*[trial(candidate, 100) for candidate in PLAN.candidates[:done]])) for done in range(4)]
    assert left == sorted(left, reverse=True)
    # Three services are started, and run up to twelve rounds of a second each.
    comparison = 3 * (8 + PLAN.warm_s + MAX_ROUNDS)
    assert left[1:] == [120 + comparison, 60 + comparison, comparison]


def test_the_time_left_includes_the_rounds_of_the_comparison() -> None:
    state = tuning(trial(TWO, 400), trial(ONE, 310), trial(WIDE, 200))
    assert seconds_left(state) == 2 * (8 + PLAN.warm_s + MAX_ROUNDS)
    state.comparison = Comparison(finalists=[TWO, ONE], rounds=TIED[:2], bound=1 - TIE)
    assert seconds_left(state) == 2 * (MAX_ROUNDS - 2)
    state.comparison.rounds = TIED
    assert seconds_left(state) == 0
    assert seconds_left(tuning(trial(TWO, 400), trial(ONE, 200), trial(WIDE, 100))) == 0
