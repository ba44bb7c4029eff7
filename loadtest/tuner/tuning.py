"""The state of a tuning run: what to measure, and the results so far.

It is saved after every run, so that an interrupted tuning run can be resumed.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ValidationError

from loadtest.tuner.candidates import Candidate
from loadtest.tuner.decisions.comparison import Comparison
from loadtest.tuner.decisions.search import Bracket, Search
from loadtest.tuner.measurement import Run


class Plan(BaseModel):
    """What to measure, and how.

    goal_ms: highest P99 latency
    requests: number of requests in a run, if it can send them in `least_s` to `most_s` seconds
    round_s: duration of a closed loop in the comparison of the best candidates
    budget_s: after so many seconds, no further run of a search is started
    texts: a file with one text per line; None: the texts of the load test
    conditions: other facts that the results depend on, such as settings of the service
    """

    goal_ms: float
    resolution: float
    requests: int
    least_s: float
    most_s: float
    warm_s: float
    round_s: float
    budget_s: float | None
    texts: str | None
    cpus: int
    candidates: list[Candidate]
    conditions: dict[str, str]

    def seconds(self, rate: float) -> float:
        """Return the duration of a run at this rate."""
        return round(min(max(self.requests / rate, self.least_s), self.most_s), 1)


class Trial(BaseModel):
    """The results of one candidate.

    closed_loop: responses per second with 32 clients in a closed loop, after the start
    note: why the candidate was dropped or could not be measured
    wall_s: duration of all its measurements
    """

    candidate: Candidate
    closed_loop: float = 0.0
    runs: list[Run] = []
    note: str | None = None
    failed: bool = False
    done: bool = False
    wall_s: float = 0.0

    def reject(self, reason: str) -> None:
        """Exclude the candidate from the choice."""
        self.failed, self.note = True, reason

    def bracket(self, plan: Plan) -> Bracket:
        """The highest rate that met the goal, and the lowest that did not."""
        return search_of(plan, self.closed_loop).bracket(self.runs)

    def rate(self, plan: Plan) -> float:
        """The highest rate that met the goal; 0 if none did."""
        return 0.0 if self.failed or self.wrong else self.bracket(plan).passed or 0.0

    @property
    def wrong(self) -> str | None:
        """The first wrong response; None if there was none."""
        return next((message for run in self.runs for message in run.wrong), None)

    def knee(self, plan: Plan) -> Run | None:
        """The run with the median P99 among those at the highest rate that met the goal."""
        rate = self.rate(plan)
        runs = sorted((run for run in self.runs if run.rate == rate and run.passed), key=lambda run: run.p99_ms)
        return runs[(len(runs) - 1) // 2] if runs else None

    def lower_bound(self, plan: Plan) -> str | None:
        """Why the generators may have limited the rate; None if they did not."""
        failed = self.bracket(plan).failed
        return next((run.limited for run in self.runs if run.rate == failed and not run.passed and run.limited), None)


class Tuning(BaseModel):
    """The state of a tuning run: the plan and the results so far.

    level: index in `levels`, how the generators share the load
    comparison: the best candidates side by side; None if there is only one, or before it
    not_compared: why the best candidates could not be compared; None if they could
    """

    plan: Plan
    started: str
    level: int = 0
    trials: list[Trial] = []
    comparison: Comparison | None = None
    not_compared: str | None = None

    def best_other(self, trial: Trial) -> Trial | None:
        """The trial with the highest rate, other than `trial`; None if no other rate met the goal."""
        others = [other for other in self.trials if other is not trial and other.rate(self.plan)]
        return max(others, key=lambda other: other.rate(self.plan), default=None)


def load_tuning(path: Path, plan: Plan) -> Tuning | None:
    """Read an interrupted tuning run; None if there is none or its plan is another one."""
    try:
        saved = Tuning.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return saved if saved.plan == plan else None


def search_of(plan: Plan, closed_loop: float) -> Search:
    """Return the search for a candidate. It starts at half of the rate of the closed loop."""
    return Search(start=max(closed_loop / 2, 0.2), least=0.1, resolution=plan.resolution)
