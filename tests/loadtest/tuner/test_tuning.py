"""The choice of the best candidate, and the state that survives an interruption."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.tuner.candidates import Candidate
from loadtest.tuner.comparison import MAX_ROUNDS, Comparison
from loadtest.tuner.tuning import TIE, Trial, best_trial, finalists, levels, load_tuning, seconds_left
from tests.support.tunings import ONE, PLAN, TWO, WIDE, run, trial, tuning

TIED = [[400.0, 396.0], [200.0, 202.0], [300.0, 297.0], [350.0, 349.0]]


@pytest.mark.parametrize(
    ("trials", "best"),
    [
        ([trial(TWO, 400), trial(ONE, 200)], TWO),
        # Equal within the tie: one worker needs fewer CPUs.
        ([trial(TWO, 400), trial(ONE, 370)], ONE),
        ([trial(TWO, 400), trial(WIDE, 390)], WIDE),
        # The generators limited the better one, so it may be better still.
        ([trial(TWO, 400, limited="busy"), trial(ONE, 370)], TWO),
        ([trial(TWO, 400, failed=True), trial(ONE, 200)], ONE),
    ],
)
def test_best_trial(trials: list[Trial], best: Candidate) -> None:
    found = best_trial(tuning(*trials))
    assert found is not None
    assert found.candidate == best


@pytest.mark.parametrize(
    ("rounds", "best"),
    [
        # The search found the higher rate for two workers; side by side, the candidates are equal.
        (TIED, ONE),
        ([[400, 300], [200, 149], [300, 226], [350, 262]], TWO),
        ([[300, 400], [149, 200], [226, 300], [262, 350]], ONE),
    ],
)
def test_the_comparison_decides_which_candidates_are_equal(rounds: list[list[float]], best: Candidate) -> None:
    state = tuning(trial(TWO, 400), trial(ONE, 310))
    state.comparison = Comparison(finalists=[TWO, ONE], rounds=rounds, bound=1 - TIE)
    found = best_trial(state)
    assert found is not None
    assert found.candidate == best


def test_a_tie_in_the_comparison_counts_although_the_generators_limited_the_search() -> None:
    state = tuning(trial(TWO, 400, limited="busy"), trial(ONE, 310))
    state.comparison = Comparison(finalists=[TWO, ONE], rounds=TIED, bound=1 - TIE)
    found = best_trial(state)
    assert found is not None
    assert found.candidate == ONE


def test_finalists_are_near_the_highest_rate() -> None:
    assert finalists(tuning(trial(ONE, 310), trial(TWO, 400), trial(WIDE, 200))) == [TWO, ONE]
    assert finalists(tuning()) == []


def test_the_cheapest_of_tied_candidates_is_a_finalist() -> None:
    rates = {(4, 1): 100, (2, 2): 99, (1, 4): 98, (1, 2): 95, (1, 1): 80}
    trials = [trial(Candidate(workers=w, threads=t, engine="onnxruntime"), rate) for (w, t), rate in rates.items()]
    found = finalists(tuning(*trials))
    assert [(one.workers, one.threads) for one in found] == [(4, 1), (2, 2), (1, 2)]


def test_a_wrong_response_disqualifies_even_in_the_last_run() -> None:
    wrong = trial(TWO, 400)
    wrong.runs[-1].wrong["the offsets are wrong"] = 1
    found = best_trial(tuning(wrong, trial(ONE, 200)))
    assert found is not None
    assert found.candidate == ONE


def test_no_trial_met_the_goal() -> None:
    assert best_trial(tuning(Trial(candidate=ONE, closed_loop=10, runs=[run(5, False)]))) is None


def test_an_interrupted_run_is_resumed_with_the_same_plan_only(tmp_path: Path) -> None:
    state = tuning(trial(TWO, 400), Trial(candidate=WIDE, closed_loop=300, runs=[run(150, True)]))
    path = tmp_path / "checkpoint.json"
    assert load_tuning(path, PLAN) is None
    path.write_text(state.model_dump_json())
    assert load_tuning(path, PLAN) == state
    assert load_tuning(path, PLAN.model_copy(update={"goal_ms": 100})) is None
    path.write_text("damaged")
    assert load_tuning(path, PLAN) is None


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


def test_a_run_lasts_long_enough_for_its_percentile() -> None:
    assert [PLAN.seconds(rate) for rate in (10, 100, 1000)] == [30, 20, 8]


def test_generators_get_lighter_checks_first_and_then_more_processes() -> None:
    assert levels(2) == [(1, 10), (1, 100), (2, 100)]
    assert levels(16) == [(1, 10), (1, 100), (2, 100), (4, 100), (8, 100)]


def test_the_best_of_the_other_trials() -> None:
    own, better, failed = trial(ONE, 500), trial(TWO, 400), trial(WIDE, 900, failed=True)
    assert tuning(own, better, failed).best_other(own) == better
    assert tuning(own, failed).best_other(own) is None
