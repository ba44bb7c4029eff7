"""The state of a tuning run, which survives an interruption."""

from __future__ import annotations

from pathlib import Path

from loadtest.tuner.tuning import Trial, load_tuning
from tests.support.tunings import ONE, PLAN, TWO, WIDE, run, trial, tuning


def test_an_interrupted_run_is_resumed_with_the_same_plan_only(tmp_path: Path) -> None:
    state = tuning(trial(TWO, 400), Trial(candidate=WIDE, closed_loop=300, runs=[run(150, True)]))
    path = tmp_path / "checkpoint.json"
    assert load_tuning(path, PLAN) is None
    path.write_text(state.model_dump_json())
    assert load_tuning(path, PLAN) == state
    assert load_tuning(path, PLAN.model_copy(update={"goal_ms": 100})) is None
    path.write_text("damaged")
    assert load_tuning(path, PLAN) is None


def test_a_run_lasts_long_enough_for_its_percentile() -> None:
    assert [PLAN.seconds(rate) for rate in (10, 100, 1000)] == [30, 20, 8]


def test_the_best_of_the_other_trials() -> None:
    own, better, failed = trial(ONE, 500), trial(TWO, 400), trial(WIDE, 900, failed=True)
    assert tuning(own, better, failed).best_other(own) == better
    assert tuning(own, failed).best_other(own) is None
