"""The choice of the finalists and of the best candidate."""

from __future__ import annotations

import pytest

from loadtest.tuner.candidates import Candidate
from loadtest.tuner.decisions.choice import TIE, best_trial, finalists
from loadtest.tuner.decisions.comparison import Comparison
from loadtest.tuner.tuning import Trial
from tests.support.tunings import ONE, TIED, TWO, WIDE, run, trial, tuning


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
