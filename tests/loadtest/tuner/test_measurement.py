"""A run meets the goal or not, and says whether the generators limited it."""

from __future__ import annotations

import os
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.tuner.load import LoadResult
from loadtest.tuner.measurement import Run, ServiceMeter, growing, p99_interval, percentile, run_from


def result(latencies: list[float], **changes: object) -> LoadResult:
    due = [index / 100 for index in range(len(latencies))]
    plain = {"sent": len(latencies), "due_s": due, "latencies_ms": latencies, "wall_s": 10.0, "cpu_s": 1.0}
    return LoadResult.model_validate({**plain, **changes})


def run(*results: LoadResult, goal_ms: float = 500) -> Run:
    return run_from(results, 100, 10, goal_ms, 5.0, 300.0)


def test_a_run_that_meets_the_goal() -> None:
    measured = run(result([20.0] * 998 + [300.0] * 2))
    assert measured.passed
    assert measured.clear
    assert (measured.p50_ms, measured.p99_ms, measured.offered, measured.goodput) == (20, 20, 100, 100)
    assert (measured.service_cpus, measured.cpu_ms, measured.memory_mib) == (0.5, 5.0, 300.0)
    assert measured.limited is None


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([result([20.0] * 980 + [900.0] * 20)], "P99 is 900 ms"),
        ([result([20.0] * 998, sent=1000, errors={"status 429": 2})], "0.20% of the requests failed (status 429)"),
        ([result([20.0] * 990, sent=1000, unfinished_ms=[60.0] * 10)], "1.00% of the requests failed"),
        ([result([20.0] * 100, stopped=2.0)], "ended after 2.0 s: too many requests were late or failed"),
        ([result([])], "no request was sent"),
        ([result([20.0] * 300 + [100.0] * 300 + [200.0] * 400)], "the latency still grew at the end"),
    ],
)
def test_a_run_that_does_not_meet_the_goal(results: list[LoadResult], message: str) -> None:
    measured = run(*results)
    assert not measured.passed
    assert message in (measured.failed or "")


def test_a_run_near_the_goal_is_not_clear() -> None:
    assert not run(result([20.0] * 980 + [400.0] * 20)).clear
    assert not run(result([20.0] * 100, stopped=8.0)).clear
    assert run(result([20.0] * 100, stopped=2.0)).clear


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"cpu_s": 8.0}, "80% of a CPU"), ({"late_ms": 40.0}, "more than 40 ms late"), ({}, None)],
)
def test_generators_that_are_the_limit_are_noticed(changes: dict[str, float], message: str | None) -> None:
    limited = run(result([20.0] * 100), result([20.0] * 100, **changes)).limited
    assert limited is None if message is None else message in (limited or "")


def test_processes_are_added_up() -> None:
    measured = run(result([20.0] * 500, wrong={"x": 2}), result([40.0] * 500, wrong={"x": 1}))
    assert (measured.requests, measured.processes, measured.p50_ms, measured.wrong) == (1000, 2, 40, {"x": 3})


@given(st.lists(st.floats(0, 1e5), min_size=1))
def test_the_interval_holds_the_percentile(values: list[float]) -> None:
    low, p99, high = p99_interval(sorted(values))
    assert low <= p99 <= high
    assert min(values) <= percentile(sorted(values), 0.5) <= max(values)


def test_steady_random_latencies_do_not_grow() -> None:
    random = Random(1)
    assert not growing([random.uniform(100, 490) for _ in range(900)], 500)
    assert growing([0.5 * number for number in range(900)], 500)


def test_the_meter_measures_this_process() -> None:
    meter = ServiceMeter(os.getpid())
    before = meter.cpu_s()
    while meter.cpu_s() - before < 0.02:
        sum(range(10_000))
    assert meter.memory_mib() > 10


def test_the_time_of_a_worker_that_has_ended_counts() -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}]); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        assert ServiceMeter(process.pid).cpu_s() >= 0.2
        process.stdin.write("\n")
