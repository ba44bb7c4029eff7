"""Measure the candidates one after the other, and choose the best one. The state is saved after every run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from loadtest.run import load_service
from loadtest.tuner.candidates import ENGINES, Candidate
from loadtest.tuner.comparison import MAX_ROUNDS, Comparison
from loadtest.tuner.load import GeneratorFailed, Generators, Load, LoadResult, generators
from loadtest.tuner.measurement import Run, ServiceMeter, allowed_late, run_from
from loadtest.tuner.search import Bracket, Search, can_win
from ner_runtime.atomic_files import write_atomically
from ner_runtime.serving.lifecycle.service_process import ServiceNotReady, ServiceProcess

TIE = 0.1
"""Candidates whose throughputs differ by at most this share are equal: the cheaper one is better."""
NEAR = 0.25
"""The candidates whose rates are within this share of the highest one are compared side by side."""
FINALISTS = 3
"""At most so many candidates are compared side by side."""
HOPELESS = 0.4
"""A candidate is dropped if its throughput in a closed loop is below this share of that of the best one."""
_CLIENTS = 32
_START_S = 8.0
_RUNS = 11
_EXIT_S = 5.0
_SERVICE = {"RANER_API_KEYS": "", "RANER_RATE_LIMIT": "", "RANER_DRAIN_S": "0", "RANER_LOG_LEVEL": "warning"}
_SETTLE = Load(seconds=0.3, clients=1)


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


def levels(cpus: int) -> list[tuple[int, int]]:
    """Return how the generators share the load, the cheapest first: processes, and one response in how many is checked.

    Each level is for a service that is too fast for the level before.
    """
    most = max(2, cpus // 2)
    processes = [2**power for power in range(1, most.bit_length()) if 2**power <= most]
    return [(1, 10), (1, 100), *((number, 100) for number in processes)]


def search_of(plan: Plan, closed_loop: float) -> Search:
    """Return the search for a candidate. It starts at half of the rate of the closed loop."""
    return Search(start=max(closed_loop / 2, 0.2), least=0.1, resolution=plan.resolution)


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


class Tuner:
    """Measures the candidates of a plan."""

    def __init__(self, tuning: Tuning, checkpoint: Path, report: Callable[[str], None]) -> None:
        """`report` is called with one line about every step."""
        self._tuning, self._plan = tuning, tuning.plan
        self._checkpoint, self._report = checkpoint, report
        self._levels = levels(self._plan.cpus)

    def run(self) -> None:
        """Measure all candidates that have no result yet, and compare the best ones.

        Raises:
            GeneratorFailed: a generator process has ended, but the service has not.
        """
        for candidate in self._plan.candidates:
            trial = next((trial for trial in self._tuning.trials if trial.candidate == candidate), None)
            if trial is None:
                trial = Trial(candidate=candidate)
                self._tuning.trials.append(trial)
            if not trial.done:
                if self._time_is_up():
                    trial.note = "not measured: the time budget is used up"
                else:
                    self._measure(trial)
                if trial.wrong:
                    trial.reject(_wrong_note(trial.wrong))
                trial.done = True
                self._save()
        while len(best := finalists(self._tuning)) > 1:
            comparison = self._tuning.comparison
            if comparison is None or comparison.finalists != best:
                comparison = Comparison(finalists=best, bound=1 - TIE)
            if comparison.decided:
                break
            try:
                self._compare(comparison)
                break
            except _FinalistFailed as failure:
                # Compare the others without it.
                next(trial for trial in self._tuning.trials if trial.candidate == failure.finalist).reject(str(failure))
                self._tuning.comparison = None
                self._save()
                self._report(f"{failure.finalist.name}: {failure}")

    def _compare(self, comparison: Comparison) -> None:
        """Run the finalists side by side, and alternate their closed loops until it is clear which are equal.

        Raises:
            _FinalistFailed: a finalist gave a wrong response or none, or its service has ended.
        """
        self._report(f"comparing {'; '.join(finalist.name for finalist in comparison.finalists)}")
        processes = self._levels[self._tuning.level][0]
        self._tuning.not_compared = None
        with ExitStack() as stack:
            loops: list[_ClosedLoop] = []
            for finalist in comparison.finalists:
                try:
                    service = stack.enter_context(load_service(**finalist.variables, **_SERVICE))
                except ServiceNotReady as error:
                    self._tuning.comparison = None
                    self._tuning.not_compared = f"{finalist.name} does not start beside the others: {error}"
                    self._save()
                    self._report(f"no comparison: {self._tuning.not_compared}")
                    return
                load = stack.enter_context(generators(service.url, processes, self._plan.texts))
                loops.append(_ClosedLoop(finalist, service, load))
                loops[-1].run(self._plan.warm_s)
            while not comparison.decided:
                numbers = list(range(len(loops)))
                # Each finalist is measured right after each other one.
                order = numbers if len(comparison.rounds) % 2 == 0 else numbers[::-1]
                found = {number: loops[number].run(self._plan.round_s) for number in order}
                comparison.rounds.append([round(found[number], 2) for number in numbers])
                self._tuning.comparison = comparison
                self._save()
                self._report(f"round {len(comparison.rounds)}: {' · '.join(f'{found[n]:.0f}/s' for n in numbers)}")

    def _measure(self, trial: Trial) -> None:
        self._report(f"{trial.candidate.name}: starting the service")
        resumed, started = trial.wall_s, time.monotonic()

        def save() -> None:
            trial.wall_s = resumed + time.monotonic() - started
            self._save()

        try:
            with load_service(**trial.candidate.variables, **_SERVICE) as service:
                try:
                    while self._measure_at_level(trial, service, save):
                        pass
                except GeneratorFailed:
                    if _exit_status(service.process) is None:
                        raise
                if (status := service.process.poll()) is not None:
                    trial.reject(f"the service ended with status {status} during the search")
        except ServiceNotReady as error:
            trial.reject(str(error))
        save()

    def _measure_at_level(self, trial: Trial, service: ServiceProcess, save: Callable[[], None]) -> bool:
        """Run the search until it or the service ends; return True if it must go on with more generator processes."""
        if service.process.poll() is not None:
            return False
        processes = self._levels[self._tuning.level][0]
        meter = ServiceMeter(service.process.pid)
        with generators(service.url, processes, self._plan.texts) as load:
            warm = Load(seconds=self._plan.warm_s, clients=_CLIENTS)
            results: list[LoadResult] = []
            for _ in range(2):
                results = load.run(warm)
                if wrong := _first_wrong(results):
                    trial.reject(_wrong_note(wrong))
                    return False
            trial.closed_loop = trial.closed_loop or _throughput(results)
            search = search_of(self._plan, trial.closed_loop)
            while service.process.poll() is None and (rate := search.next_rate(trial.runs)) is not None:
                trial.note = self._verdict(trial) or ("the time budget is used up" if self._time_is_up() else None)
                if trial.note:
                    return False
                run = self._run_once(load, meter, rate, len(trial.runs))
                self._report(_line(trial.candidate, run))
                if run.limited and not run.passed and self._tuning.level + 1 < len(self._levels):
                    self._tuning.level += 1
                    if self._levels[self._tuning.level][0] != processes:
                        return True
                    continue
                trial.runs.append(run)
                save()
                if not run.passed:
                    # The queue of an overloaded service must be empty before the next run.
                    load.run(_SETTLE)
        return False

    def _verdict(self, trial: Trial) -> str | None:
        """Return why the candidate needs no further runs, or None."""
        if trial.wrong:
            return _wrong_note(trial.wrong)
        best = self._tuning.best_other(trial)
        if best is None:
            return None
        if not trial.runs and trial.closed_loop < HOPELESS * best.closed_loop:
            return (
                f"dropped: {trial.closed_loop:.1f}/s in a closed loop; the best candidate has {best.closed_loop:.1f}/s"
            )
        if not can_win(trial.bracket(self._plan), best.rate(self._plan), NEAR):
            return f"dropped: cannot reach the best rate, {best.rate(self._plan):.1f}/s"
        return None

    def _run_once(self, load: Generators, meter: ServiceMeter, rate: float, seed: int) -> Run:
        plan, check_every = self._plan, self._levels[self._tuning.level][1]
        seconds, cpu_before = plan.seconds(rate), meter.cpu_s()
        results = load.run(
            Load(
                rate=rate,
                seconds=seconds,
                goal_ms=plan.goal_ms,
                # Random arrivals are more or fewer than planned.
                max_late=round(1.1 * allowed_late(rate * seconds)) + 1,
                check_every=check_every,
                drain_s=1 + 4 * plan.goal_ms / 1000,
                seed=seed,
            )
        )
        return run_from(results, rate, seconds, plan.goal_ms, meter.cpu_s() - cpu_before, meter.memory_mib())

    def _time_is_up(self) -> bool:
        budget = self._plan.budget_s
        return budget is not None and sum(trial.wall_s for trial in self._tuning.trials) >= budget

    def _save(self) -> None:
        write_atomically(self._checkpoint, self._tuning.model_dump_json().encode())


def _exit_status(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit status of a service whose generators have failed; None if it is running.

    Generators end if they cannot reach the service, which may be about to end.
    """
    with suppress(subprocess.TimeoutExpired):
        process.wait(_EXIT_S)
    return process.poll()


class _FinalistFailed(Exception):
    """A finalist failed during the comparison and must not be chosen; the message has the reason."""

    def __init__(self, finalist: Candidate, reason: str) -> None:
        super().__init__(reason)
        self.finalist = finalist


@dataclass(frozen=True, slots=True)
class _ClosedLoop:
    """A finalist with its service and its generators."""

    finalist: Candidate
    service: ServiceProcess
    load: Generators

    def run(self, seconds: float) -> float:
        """Run a closed loop and return the responses per second.

        Raises:
            _FinalistFailed: a response was wrong, there was none, or the service has ended.
            GeneratorFailed: a generator process has ended, but the service has not.
        """
        process = self.service.process
        results: list[LoadResult] = []
        try:
            results = self.load.run(Load(seconds=seconds, clients=_CLIENTS))
        except GeneratorFailed:
            if _exit_status(process) is None:
                raise
        if wrong := _first_wrong(results):
            raise _FinalistFailed(self.finalist, _wrong_note(wrong))
        if (status := process.poll()) is not None:
            raise _FinalistFailed(self.finalist, f"the service ended with status {status} during the comparison")
        if not (throughput := _throughput(results)):
            errors = "; ".join(sorted({message for result in results for message in result.errors}))
            note = "no successful response in a round of the comparison"
            raise _FinalistFailed(self.finalist, f"{note}: {errors}" if errors else note)
        return throughput


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


def _first_wrong(results: Sequence[LoadResult]) -> str | None:
    return next((message for result in results for message in result.wrong), None)


def _wrong_note(message: str) -> str:
    return f"wrong responses: {message}"


def _cost(candidate: Candidate) -> tuple[int, int, int]:
    return candidate.cpus, candidate.workers, ENGINES.index(candidate.engine)


def _throughput(results: Sequence[LoadResult]) -> float:
    return sum(len(result.latencies_ms) / result.wall_s for result in results if result.wall_s)


def _line(candidate: Candidate, run: Run) -> str:
    outcome = "meets the goal" if run.passed else run.failed
    limited = f" (limited by the generator: {run.limited})" if run.limited and not run.passed else ""
    return f"{candidate.name}: {run.rate:g}/s, P99 {run.p99_ms:.0f} ms, {outcome}{limited}"
