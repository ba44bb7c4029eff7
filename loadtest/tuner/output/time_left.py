"""Estimate how long a tuning run still takes, for its progress bar."""

from __future__ import annotations

from loadtest.tuner.decisions.choice import FINALISTS, finalists
from loadtest.tuner.decisions.comparison import MAX_ROUNDS
from loadtest.tuner.tuning import Tuning

_START_S = 8.0
"""How long a service typically takes to start, in seconds."""
_RUNS = 11
"""Typical number of runs of a search."""


def seconds_left(tuning: Tuning) -> float:
    """Estimate the remaining seconds: of the searches, from the trials and runs so far, and of the comparison."""
    plan = tuning.plan
    typical = _START_S + 2 * plan.warm_s + _RUNS * (plan.least_s + 1)
    ended = [trial.wall_s for trial in tuning.trials if trial.done and trial.runs]
    average = sum(ended) / len(ended) if ended else typical
    begun = [trial for trial in tuning.trials if not trial.done]
    left = average * (len(plan.candidates) - len(tuning.trials))
    left += sum(max(average - trial.wall_s, 2 * plan.least_s) for trial in begun)
    used = sum(trial.wall_s for trial in tuning.trials)
    if plan.budget_s is not None:
        left = max(0.0, min(left, plan.budget_s - used))
    return left + _comparison_seconds_left(tuning)


def _comparison_seconds_left(tuning: Tuning) -> float:
    """Estimate the seconds of the comparison, with the highest number of rounds."""
    plan, comparison = tuning.plan, tuning.comparison
    searched = len(tuning.trials) == len(plan.candidates) and all(trial.done for trial in tuning.trials)
    count = len(finalists(tuning)) if searched else min(FINALISTS, len(plan.candidates))
    if count < 2 or tuning.not_compared or (comparison and comparison.decided):
        return 0.0
    if comparison:
        return count * (MAX_ROUNDS - len(comparison.rounds)) * plan.round_s
    return count * (_START_S + plan.warm_s + MAX_ROUNDS * plan.round_s)
