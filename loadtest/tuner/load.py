"""Run a load with several generator processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from math import ceil, sqrt

from pydantic import BaseModel, Field, ValidationError

from ner_runtime.serving.lifecycle.service_process import ROOT

CLIENTS = 32
"""Number of clients of a closed loop."""
_EXIT_S = 5.0
_SPREAD = 3.0
"""Standard deviations by which a process may exceed its share of the slow requests."""


class Load(BaseModel):
    """What a generator sends.

    rate: mean arrivals per second
    seconds: duration
    goal_ms: latency goal; the load ends early when more than `max_late` requests are slower or fail
    check_every: the response of one request in so many is checked completely; the status of every response is checked
    drain_s: how long to wait for the last responses
    clients: if not 0, a closed loop of so many clients instead: each sends its next request after a response
    """

    rate: float = 1.0
    seconds: float
    goal_ms: float = 500.0
    max_late: int = 1_000_000
    check_every: int = 10
    drain_s: float = 10.0
    seed: int = 0
    clients: int = 0


class LoadResult(BaseModel):
    """The result of one load in one generator process.

    sent: number of requests
    due_s, latencies_ms: of each request with status 200: when it was due, and its latency from then on
    unfinished_ms: the age of each request without a response at the end
    errors: failed requests by message
    wrong: wrong responses by message
    late_ms: the 99th percentile of how much later than due requests were sent
    cpu_s, wall_s: CPU time of the process and duration, until the last request was sent
    stopped: seconds after which the load ended early; None if it ran to its end
    """

    sent: int = 0
    due_s: list[float] = Field(default_factory=list[float])
    latencies_ms: list[float] = Field(default_factory=list[float])
    unfinished_ms: list[float] = Field(default_factory=list[float])
    errors: dict[str, int] = Field(default_factory=dict[str, int])
    wrong: dict[str, int] = Field(default_factory=dict[str, int])
    late_ms: float = 0.0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    stopped: float | None = None


def part_of(load: Load, count: int) -> Load:
    """Return the load of each of `count` processes. A closed loop has at least one client in each.

    Slow requests are spread over the processes by chance, so each may have more than its share of `max_late`.
    """
    late = load.max_late / count
    return load.model_copy(
        update={
            "rate": load.rate / count,
            "max_late": load.max_late if count == 1 else ceil(late + _SPREAD * sqrt(late)),
            "clients": ceil(load.clients / count),
        }
    )


class GeneratorFailed(Exception):
    """A generator process has ended unexpectedly."""


class Generators:
    """Generator processes that share a load."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def run(self, load: Load) -> list[LoadResult]:
        """Run a load, divided between the processes with `part_of`, and return the result of each.

        Raises:
            GeneratorFailed: a process has ended.
        """
        count = len(self._processes)
        part = part_of(load, count)
        for number, process in enumerate(self._processes):
            assert process.stdin is not None
            own = part.model_copy(update={"seed": load.seed * count + number})
            try:
                process.stdin.write(own.model_dump_json() + "\n")
                process.stdin.flush()
            except BrokenPipeError:
                raise GeneratorFailed("a generator process has ended") from None
        return [_result(process) for process in self._processes]


@contextmanager
def generators(url: str, count: int, texts: str | None) -> Generator[Generators]:
    """Start generator processes for the service at `url`, and stop them when the block ends.

    Args:
        texts: a file with one text per line; None: the texts of the load test
    """
    command = [sys.executable, "-m", "loadtest.tuner.generator", url, *(["--texts", texts] if texts else [])]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    # A session of its own: Ctrl-C must interrupt this process, not the generators.
                    command,
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            )
            for _ in range(count)
        ]
        try:
            yield Generators(processes)
        finally:
            for process in processes:
                process.kill()


def first_wrong(results: Sequence[LoadResult]) -> str | None:
    """Return the first wrong response; None if there was none."""
    return next((message for result in results for message in result.wrong), None)


def wrong_note(message: str) -> str:
    """Return why a candidate with this wrong response is excluded."""
    return f"wrong responses: {message}"


def throughput(results: Sequence[LoadResult]) -> float:
    """Return the responses per second of all generators together."""
    return sum(len(result.latencies_ms) / result.wall_s for result in results if result.wall_s)


def exit_status(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit status of a service whose generators have failed; None if it is running.

    Generators end if they cannot reach the service, which may be about to end.
    """
    with suppress(subprocess.TimeoutExpired):
        process.wait(_EXIT_S)
    return process.poll()


def _result(process: subprocess.Popen[str]) -> LoadResult:
    assert process.stdout is not None
    try:
        return LoadResult.model_validate_json(process.stdout.readline())
    except ValidationError:
        raise GeneratorFailed("a generator process has ended; its error is above") from None
