"""Choose the candidates to compare side by side, and the best one. Among equal candidates, the cheapest is best."""

from __future__ import annotations

from loadtest.tuner.candidates import ENGINES, Candidate
from loadtest.tuner.tuning import Trial, Tuning

TIE = 0.1
"""Candidates whose throughputs differ by at most this share are equal: the cheaper one is better."""
NEAR = 0.25
"""The candidates whose rates are within this share of the highest one are compared side by side."""
FINALISTS = 3
"""At most so many candidates are compared side by side."""


def best_trial(tuning: Tuning) -> Trial | None:
    """Return the best trial, or None if no rate met the goal.

    Among the candidates that their comparison shows to be equal, the one with the fewest CPUs and the fewest workers is
    best. Without a comparison, candidates whose rates are within `TIE` of the highest one are equal, unless the
    generators limited the highest one.
    """
    plan = tuning.plan
    trials = [trial for trial in tuning.trials if trial.rate(plan)]
    if not trials:
        return None
    top, near = max(trials, key=lambda trial: trial.rate(plan)), trials
    comparison = tuning.comparison
    if comparison and comparison.rounds:
        best = comparison.finalists[comparison.best]
        top = next((trial for trial in trials if trial.candidate == best), top)
        near = [trial for trial in trials if trial.candidate in comparison.equal]
    elif top.lower_bound(plan):
        return top
    else:
        near = [trial for trial in trials if trial.rate(plan) >= top.rate(plan) * (1 - TIE)]
    return min(near, key=lambda trial: _cost(trial.candidate), default=top)


def finalists(tuning: Tuning) -> list[Candidate]:
    """Return the candidates whose rates are within `NEAR` of the highest one, the best first, at most `FINALISTS`.

    The cheapest of those within `TIE` of the highest rate is always among them: it is chosen if they are equal.
    """
    rates = {trial.candidate: trial.rate(tuning.plan) for trial in tuning.trials}
    highest = max(rates.values(), default=0.0)
    near = [candidate for candidate, rate in rates.items() if rate and rate >= highest * (1 - NEAR)]
    first = sorted(near, key=lambda candidate: -rates[candidate])[:FINALISTS]
    tied = [candidate for candidate in near if rates[candidate] >= highest * (1 - TIE)]
    cheapest = min(tied, key=_cost, default=None)
    return first if cheapest is None or cheapest in first else [*first[:-1], cheapest]


def _cost(candidate: Candidate) -> tuple[int, int, int]:
    return candidate.cpus, candidate.workers, ENGINES.index(candidate.engine)
