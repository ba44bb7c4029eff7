"""Measure the candidates one after the other, then the best ones side by side. The state is saved after every run."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from loadtest.run import load_service
from loadtest.tuner.candidates import Candidate
from loadtest.tuner.closed_loop import ClosedLoop, FinalistFailed
from loadtest.tuner.decisions.choice import NEAR, TIE, finalists
from loadtest.tuner.decisions.comparison import Comparison
from loadtest.tuner.decisions.search import can_win
from loadtest.tuner.load import (
    CLIENTS,
    GeneratorFailed,
    Generators,
    Load,
    LoadResult,
    exit_status,
    first_wrong,
    generators,
    throughput,
    wrong_note,
)
from loadtest.tuner.measurement import Run, ServiceMeter, allowed_late, run_from
from loadtest.tuner.tuning import Trial, Tuning, search_of
from ner_runtime.atomic_files import write_atomically
from ner_runtime.serving.lifecycle.service_process import ServiceNotReady, ServiceProcess

HOPELESS = 0.4
"""A candidate is dropped if its throughput in a closed loop is below this share of that of the best one."""
_SERVICE = {"RANER_API_KEYS": "", "RANER_RATE_LIMIT": "", "RANER_DRAIN_S": "0", "RANER_LOG_LEVEL": "warning"}
_SETTLE = Load(seconds=0.3, clients=1)


def levels(cpus: int) -> list[tuple[int, int]]:
    """Return settings of the load generator, in the order in which they are tried if the generator is the limit.

    Each one is a pair: the number of Locust processes, and N if one response in N is checked. Each one can send a
    higher rate than the one before.
    """
    most = max(2, cpus // 2)
    processes = [2**power for power in range(1, most.bit_length()) if 2**power <= most]
    return [(1, 10), (1, 100), *((number, 100) for number in processes)]


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
                    trial.reject(wrong_note(trial.wrong))
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
            except FinalistFailed as failure:
                # Compare the others without it.
                next(trial for trial in self._tuning.trials if trial.candidate == failure.finalist).reject(str(failure))
                self._tuning.comparison = None
                self._save()
                self._report(f"{failure.finalist.name}: {failure}")

    def _compare(self, comparison: Comparison) -> None:
        """Run the finalists side by side, and alternate their closed loops until it is clear which are equal.

        Raises:
            FinalistFailed: a finalist gave a wrong response or none, or its service has ended.
        """
        self._report(f"comparing {'; '.join(finalist.name for finalist in comparison.finalists)}")
        processes = self._levels[self._tuning.level][0]
        self._tuning.not_compared = None
        with ExitStack() as stack:
            loops: list[ClosedLoop] = []
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
                loops.append(ClosedLoop(finalist, service, load))
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
                    if exit_status(service.process) is None:
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
            warm = Load(seconds=self._plan.warm_s, clients=CLIENTS)
            results: list[LoadResult] = []
            for _ in range(2):
                results = load.run(warm)
                if wrong := first_wrong(results):
                    trial.reject(wrong_note(wrong))
                    return False
            trial.closed_loop = trial.closed_loop or throughput(results)
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
            return wrong_note(trial.wrong)
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


def _line(candidate: Candidate, run: Run) -> str:
    outcome = "meets the goal" if run.passed else run.failed
    limited = f" (limited by the generator: {run.limited})" if run.limited and not run.passed else ""
    return f"{candidate.name}: {run.rate:g}/s, P99 {run.p99_ms:.0f} ms, {outcome}{limited}"
