"""The search for each candidate and the comparison of the finalists: one that fails is excluded, with the reason."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtest.tuner import load, tuner
from loadtest.tuner.candidates import Candidate
from loadtest.tuner.decisions.choice import best_trial
from loadtest.tuner.load import GeneratorFailed, Generators, Load, LoadResult
from loadtest.tuner.output.report import confidence, html_report, json_report
from loadtest.tuner.tuner import Tuner, levels
from loadtest.tuner.tuning import Trial, Tuning
from ner_runtime.serving.lifecycle.service_process import ServiceNotReady, ServiceProcess
from tests.support.tunings import ONE, TWO, WIDE, trial, tuning

Answer = Callable[[subprocess.Popen[bytes]], LoadResult]
"""Returns the result of a load; it gets the process of the service."""


def good(_: subprocess.Popen[bytes]) -> LoadResult:
    return LoadResult(sent=50, due_s=[number / 50 for number in range(50)], latencies_ms=[20.0] * 50, wall_s=1.0)


def wrong(_: subprocess.Popen[bytes]) -> LoadResult:
    return LoadResult(sent=50, latencies_ms=[20.0] * 49, wrong={"the offsets are wrong": 1}, wall_s=1.0)


def silent(_: subprocess.Popen[bytes]) -> LoadResult:
    return LoadResult(sent=50, errors={"status 503": 50}, wall_s=1.0)


def ending(process: subprocess.Popen[bytes]) -> LoadResult:
    process.kill()
    process.wait()
    return LoadResult(sent=50, due_s=[number / 50 for number in range(10)], latencies_ms=[20.0] * 10, wall_s=1.0)


def unreachable(process: subprocess.Popen[bytes]) -> LoadResult:
    process.kill()
    raise GeneratorFailed("a generator process has ended")


def generator_failure(_: subprocess.Popen[bytes]) -> LoadResult:
    raise GeneratorFailed("a generator process has ended")


class Scripted(Generators):
    """Generators with given results."""

    def __init__(self, answer: Answer, process: subprocess.Popen[bytes]) -> None:
        super().__init__([])
        self._answer, self._process = answer, process

    def run(self, _: Load) -> list[LoadResult]:
        return [self._answer(self._process)]


class Machine:
    """Stands for services and their generators: a service is a process that waits."""

    def __init__(self, answers: dict[Candidate, Answer]) -> None:
        self._answers = {str(candidate.variables): answer for candidate, answer in answers.items()}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @contextmanager
    def load_service(self, **settings: str) -> Generator[ServiceProcess]:
        names = ("RANER_WORKERS", "RANER_THREADS", "RANER_ENGINE")
        url = str({name: settings[name] for name in names})
        if url not in self._answers:
            raise ServiceNotReady("no memory is left")
        with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as process:
            self._running[url] = process
            yield ServiceProcess(url, process)
            process.kill()

    @contextmanager
    def generators(self, url: str, _count: int, _texts: str | None) -> Generator[Scripted]:
        yield Scripted(self._answers[url], self._running[url])


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[Candidate, Answer]], Tuning]:
    """Compare three finalists: two workers, one worker, two threads."""

    def run(answers: dict[Candidate, Answer]) -> Tuning:
        machine = Machine(answers)
        monkeypatch.setattr(tuner, "load_service", machine.load_service)
        monkeypatch.setattr(tuner, "generators", machine.generators)
        monkeypatch.setattr(load, "_EXIT_S", 0.5)
        state = tuning(trial(TWO, 400), trial(WIDE, 390), trial(ONE, 310))
        Tuner(state, tmp_path / "checkpoint.json", lambda _: None).run()
        return state

    return run


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (wrong, "wrong responses: the offsets are wrong"),
        (silent, "no successful response in a round of the comparison: status 503"),
        (ending, "the service ended with status -9 during the comparison"),
        (unreachable, "the service ended with status -9 during the comparison"),
    ],
)
def test_a_finalist_that_fails_is_excluded_and_the_others_are_compared(
    compare: Callable[[dict[Candidate, Answer]], Tuning], answer: Answer, reason: str
) -> None:
    state = compare({TWO: good, WIDE: good, ONE: answer})
    [failed] = [one for one in state.trials if one.failed]
    assert (failed.candidate, failed.note) == (ONE, reason)
    assert confidence(failed, state) == f"failed; {reason}"
    assert state.comparison is not None
    assert state.comparison.finalists == [TWO, WIDE]
    assert state.comparison.decided
    best = best_trial(state)
    assert best is not None
    assert best.candidate == WIDE


def test_a_generator_that_fails_beside_a_running_service_is_an_error(
    compare: Callable[[dict[Candidate, Answer]], Tuning],
) -> None:
    with pytest.raises(GeneratorFailed):
        compare({TWO: good, WIDE: good, ONE: generator_failure})


def test_the_reports_say_why_there_is_no_comparison(compare: Callable[[dict[Candidate, Answer]], Tuning]) -> None:
    state = compare({TWO: good, ONE: good})
    reason = f"{WIDE.name} does not start beside the others: no memory is left"
    assert (state.comparison, state.not_compared) == (None, reason)
    assert json_report(state, {})["not_compared"] == reason
    assert f"No comparison side by side: {reason}" in html_report(state, {})
    assert not any(one.failed for one in state.trials)


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], Trial]:
    """Measure one worker, the only candidate that has no result yet."""

    def run(answer: Answer) -> Trial:
        machine = Machine({ONE: answer})
        monkeypatch.setattr(tuner, "load_service", machine.load_service)
        monkeypatch.setattr(tuner, "generators", machine.generators)
        monkeypatch.setattr(load, "_EXIT_S", 0.5)
        state = tuning(*(Trial(candidate=candidate, failed=True, done=True) for candidate in (TWO, WIDE)))
        Tuner(state, tmp_path / "checkpoint.json", lambda _: None).run()
        assert state.trials[-1].candidate == ONE
        return state.trials[-1]

    return run


def ending_in_the_search() -> Answer:
    answers = iter([good, good, good, ending])
    return lambda process: next(answers)(process)


@pytest.mark.parametrize(
    ("answer", "runs", "reason"),
    [
        (wrong, 0, "wrong responses: the offsets are wrong"),
        (ending, 0, "the service ended with status -9 during the search"),
        (unreachable, 0, "the service ended with status -9 during the search"),
        (ending_in_the_search(), 2, "the service ended with status -9 during the search"),
    ],
)
def test_a_candidate_that_fails_in_the_search_is_excluded(
    search: Callable[[Answer], Trial], answer: Answer, runs: int, reason: str
) -> None:
    trial = search(answer)
    assert (trial.failed, trial.done, len(trial.runs), trial.note) == (True, True, runs, reason)


def test_a_generator_that_fails_in_the_search_beside_a_running_service_is_an_error(
    search: Callable[[Answer], Trial],
) -> None:
    with pytest.raises(GeneratorFailed):
        search(generator_failure)


def test_generators_get_lighter_checks_first_and_then_more_processes() -> None:
    assert levels(2) == [(1, 10), (1, 100), (2, 100)]
    assert levels(16) == [(1, 10), (1, 100), (2, 100), (4, 100), (8, 100)]
