"""Search for the highest rate that meets the goal: double the rate until a run fails, then bisect.

The search has no clock and no service: it is a function of the runs so far, so that an interrupted search is resumed by
reading its runs. The methods are those of Triton's Model Analyzer (search instead of sweep, constraints, checkpoints)
and of perf_analyzer (repeat a measurement until it is stable).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_RUNS_PER_RATE = 3
MAX_RUNS = 40


class Outcome(Protocol):
    """What the search needs to know of a run."""

    @property
    def rate(self) -> float: ...
    @property
    def passed(self) -> bool: ...
    @property
    def clear(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Bracket:
    """The result of a search so far.

    passed: the highest rate that met the goal; None if none did
    failed: the lowest rate above it that did not; None if none failed
    confirmed: whether two runs agree on each of them
    """

    passed: float | None
    failed: float | None
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Search:
    """The parameters of a search, in arrivals per second.

    start: the first rate
    least, most: the search gives up below `least`, and stops at `most`
    resolution: the search ends when the failed rate exceeds the passed one by at most this share
    """

    start: float
    least: float = 0.1
    most: float = 100_000.0
    resolution: float = 0.05

    def next_rate(self, runs: Sequence[Outcome]) -> float | None:
        """Return the rate of the next run, or None if the search has ended."""
        if len(runs) >= MAX_RUNS:
            return None
        undecided = [rate for rate in dict.fromkeys(run.rate for run in runs) if verdict(runs, rate) is None]
        if undecided:
            return undecided[-1]
        bracket = self.bracket(runs)
        middle = self._beyond(bracket)
        if middle is not None and not any(run.rate == middle for run in runs):
            return middle
        return self._unconfirmed(runs, bracket)

    def bracket(self, runs: Sequence[Outcome]) -> Bracket:
        """Return the highest rate that met the goal and the lowest that did not."""
        verdicts = {run.rate: verdict(runs, run.rate) for run in runs}
        failed = min((rate for rate, passed in verdicts.items() if passed is False), default=None)
        # A pass above a failed rate is chance: only rates below all failed ones count.
        passed = [rate for rate, met in verdicts.items() if met and (failed is None or rate < failed)]
        found = Bracket(max(passed, default=None), failed, False)
        narrow = found.passed is not None and self._beyond(found) is None
        return Bracket(found.passed, failed, narrow and self._unconfirmed(runs, found) is None)

    def _beyond(self, bracket: Bracket) -> float | None:
        """Return the rate that narrows a bracket, or None if it is narrow enough."""
        passed, failed = bracket.passed, bracket.failed
        if passed is None and failed is None:
            return rounded(self.start)
        if failed is None:
            assert passed is not None
            return None if passed >= self.most else rounded(min(2 * passed, self.most))
        if passed is None:
            return None if failed <= self.least else rounded(max(failed / 2, self.least))
        if failed <= passed * (1 + self.resolution):
            return None
        middle = rounded((passed * failed) ** 0.5 if failed > 2 * passed else (passed + failed) / 2)
        return middle if passed < middle < failed else None

    def _unconfirmed(self, runs: Sequence[Outcome], bracket: Bracket) -> float | None:
        """Return an end of the bracket on which no two runs agree."""
        for rate, passed in ((bracket.passed, True), (bracket.failed, False)):
            at_rate = [run for run in runs if run.rate == rate]
            agreeing = sum(run.passed == passed for run in at_rate)
            if rate is not None and agreeing < 2 and len(at_rate) < MAX_RUNS_PER_RATE:
                return rate
        return None


def verdict(runs: Sequence[Outcome], rate: float) -> bool | None:
    """Return whether a rate meets the goal: the result of a clear run, or that of the majority; None if undecided."""
    at_rate = [run for run in runs if run.rate == rate]
    passes = sum(run.passed for run in at_rate)
    fails = len(at_rate) - passes
    if passes != fails and ((len(at_rate) == 1 and at_rate[0].clear) or max(passes, fails) >= 2):
        return passes > fails
    return None if len(at_rate) < MAX_RUNS_PER_RATE else passes > fails


def can_win(bracket: Bracket, best: float, margin: float) -> bool:
    """Return whether a candidate can still reach `best`, the best rate so far, less `margin`, a share of it."""
    return bracket.failed is None or bracket.failed > best * (1 - margin)


def rounded(rate: float) -> float:
    """Round a rate to three significant digits, so that runs at the same rate are recognized as such."""
    return float(f"{rate:.3g}")
