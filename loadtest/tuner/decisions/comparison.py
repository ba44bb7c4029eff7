"""Comparison: which of the best candidates are equal.

The candidates are searched one after the other, and the speed of a machine changes by more than the difference between
two of them. Therefore the best ones run side by side in the end, and the rounds of their closed loops alternate. Each
round gives one ratio of throughputs; rounds are added until the confidence interval of each ratio lies on one side of
the bound below which a candidate is worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log, sqrt
from statistics import mean, stdev

from pydantic import BaseModel

from loadtest.tuner.candidates import Candidate

MIN_ROUNDS = 4
MAX_ROUNDS = 12
# The 97.5 % quantiles of Student's t distribution by degrees of freedom, from 1.
_T = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20)


class Comparison(BaseModel):
    """The throughputs of finalists in alternating rounds.

    finalists: the candidates, the one with the highest rate in the search first
    rounds: in each round, the responses per second of each finalist
    bound: a finalist whose throughput is below this share of that of the best one is worse
    """

    finalists: list[Candidate]
    rounds: list[list[float]] = []
    bound: float

    @property
    def best(self) -> int:
        """The index of the finalist with the highest throughput, by the mean of the logarithms."""
        if not self.rounds:
            return 0
        return max(range(len(self.finalists)), key=lambda index: mean(log(round_[index]) for round_ in self.rounds))

    def ratio(self, index: int) -> tuple[float, float, float]:
        """The throughput of a finalist as a share of that of the best one, with a 95 % interval: low, ratio, high."""
        return ratio_interval([round_[index] / round_[self.best] for round_ in self.rounds])

    @property
    def decided(self) -> bool:
        """Whether further rounds are not needed, or not allowed."""
        if len(self.rounds) < MIN_ROUNDS:
            return False
        others = [self.ratio(index) for index in range(len(self.finalists)) if index != self.best]
        return len(self.rounds) >= MAX_ROUNDS or all(high < self.bound or low >= self.bound for low, _, high in others)

    @property
    def equal(self) -> list[Candidate]:
        """The finalists that are not shown to be worse than the best one."""
        return [finalist for index, finalist in enumerate(self.finalists) if self.ratio(index)[2] >= self.bound]

    def describe(self, candidate: Candidate) -> str | None:
        """Return the result of a finalist in a few words; None for other candidates."""
        if candidate not in self.finalists or not self.rounds:
            return None
        index = self.finalists.index(candidate)
        rounds = f"in {len(self.rounds)} alternating rounds"
        if index == self.best:
            return f"the highest throughput {rounds}" + (" (a tie)" if len(self.equal) > 1 else "")
        low, ratio, high = self.ratio(index)
        verdict = "equal to" if candidate in self.equal else "worse than"
        return f"{verdict} the best: {ratio:.0%} of its throughput ({low:.0%} to {high:.0%}) {rounds}"


def ratio_interval(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Return the geometric mean of paired ratios with a 95 % confidence interval: low, mean, high."""
    logs = [log(ratio) for ratio in ratios]
    if not logs:
        return 0.0, 1.0, inf
    middle = mean(logs)
    if len(logs) == 1:
        return 0.0, exp(middle), inf
    spread = _T[min(len(logs) - 2, len(_T) - 1)] * stdev(logs) / sqrt(len(logs))
    return exp(middle - spread), exp(middle), exp(middle + spread)
