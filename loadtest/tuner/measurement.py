"""A run: what the generators and the meter of the service measured at one rate, and whether it met the goal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from math import sqrt
from statistics import median

import psutil
from pydantic import BaseModel

from loadtest.tuner.load import LoadResult

MAX_ERRORS = 0.001
"""A run fails if a larger share of its requests fails."""
BUSY = 0.7
"""A generator process that uses a larger share of a CPU may limit the result."""
LATE = 0.05
"""A generator is late if 1 % of its requests are sent later than this share of the goal after they were due."""
CLEAR = 0.5
"""A run is clear if its P99 is at most this share of the goal, or if it ends early within this share of its time."""


class Run(BaseModel):
    """The figures of one run.

    offered, goodput: arrivals, and responses within the goal, per second
    p50_ms, p95_ms, p99_ms: latency from the time at which requests were due
    p99_low_ms, p99_high_ms: 95 % confidence interval of P99, if requests are independent
    errors: share of failed requests
    failed: why the run did not meet the goal; None if it did
    clear: whether the result is far enough from the goal to need no second run
    limited: why the generator may have limited the result; None if it did not
    service_cpus, generator_cpus: CPUs that were busy with the service and with the generators
    memory_mib: memory of all processes of the service (PSS: each shared page counts once)
    """

    rate: float
    seconds: float
    requests: int
    offered: float
    goodput: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    p99_low_ms: float
    p99_high_ms: float
    errors: float
    failed: str | None
    clear: bool
    limited: str | None
    wrong: dict[str, int]
    service_cpus: float
    generator_cpus: float
    processes: int
    memory_mib: float

    @property
    def passed(self) -> bool:
        """Whether the run met the goal."""
        return self.failed is None

    @property
    def cpu_ms(self) -> float:
        """CPU time of the service per request, in milliseconds."""
        return 1000 * self.service_cpus / self.offered if self.offered else 0.0


def allowed_late(requests: float) -> int:
    """Return how many of so many requests may miss the goal while P99 can still meet it."""
    return int(requests / 100)


def run_from(
    results: Sequence[LoadResult], rate: float, seconds: float, goal_ms: float, service_cpu_s: float, memory_mib: float
) -> Run:
    """Make a run from the results of all generator processes."""
    sent = sum(result.sent for result in results)
    elapsed = max(result.wall_s for result in results) or seconds
    stopped = min((result.stopped for result in results if result.stopped is not None), default=None)
    by_due = sorted(pair for result in results for pair in zip(result.due_s, result.latencies_ms, strict=True))
    finished = [latency for _, latency in by_due]
    latencies = sorted(finished + [age for result in results for age in result.unfinished_ms])
    failures = sum(sum(result.errors.values()) for result in results)
    if stopped is None:
        failures += sum(len(result.unfinished_ms) for result in results)
    low, p99, high = p99_interval(latencies)
    errors = failures / sent if sent else 1.0
    reasons, wrong = Counter[str](), Counter[str]()
    for result in results:
        reasons.update(result.errors)
        wrong.update(result.wrong)
    failed = _failure(sent, stopped, p99, goal_ms, errors, growing(finished, goal_ms), reasons)
    good = sum(latency <= goal_ms for latency in finished)
    if failed is None:
        clear = high <= CLEAR * goal_ms and not failures
    else:
        clear = stopped is not None and stopped <= CLEAR * seconds
    return Run(
        rate=rate,
        seconds=round(elapsed, 2),
        requests=sent,
        offered=round(sent / elapsed, 2),
        goodput=round(good / elapsed, 2),
        p50_ms=percentile(latencies, 0.5),
        p95_ms=percentile(latencies, 0.95),
        p99_ms=p99,
        p99_low_ms=low,
        p99_high_ms=high,
        errors=errors,
        failed=failed,
        clear=clear,
        limited=limit_of(results, goal_ms),
        wrong=dict(wrong),
        service_cpus=round(service_cpu_s / elapsed, 3),
        generator_cpus=round(sum(result.cpu_s for result in results) / elapsed, 3),
        processes=len(results),
        memory_mib=round(memory_mib, 1),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that `share` of the ordered values do not exceed; 0 if there are no values."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def p99_interval(ordered: Sequence[float]) -> tuple[float, float, float]:
    """Return P99 with a 95 % confidence interval: low, P99, high.

    The interval is that of order statistics: the rank of a quantile is binomial.
    """
    spread = 1.96 * sqrt(len(ordered) * 0.99 * 0.01) / max(1, len(ordered))
    low, middle, high = (percentile(ordered, share) for share in (0.99 - spread, 0.99, min(1.0, 0.99 + spread)))
    return low, middle, high


def growing(latencies: Sequence[float], goal_ms: float) -> bool:
    """Return whether the queue still grew at the end of a run, so that a longer run would miss the goal.

    A service that is slightly overloaded meets any goal in a run that is short enough.
    """
    third = len(latencies) // 3
    if third < 20:
        return False
    first, last = median(latencies[:third]), median(latencies[-third:])
    return last > goal_ms / 4 and last > 2 * first


def limit_of(results: Sequence[LoadResult], goal_ms: float) -> str | None:
    """Return why the generators may have limited the result, or None if they did not."""
    busy = max(result.cpu_s / result.wall_s if result.wall_s else 0.0 for result in results)
    late_ms = max(result.late_ms for result in results)
    if busy > BUSY:
        return f"a generator process used {busy:.0%} of a CPU"
    if late_ms > LATE * goal_ms:
        return f"1 % of the requests were sent more than {late_ms:.0f} ms late"
    return None


def _failure(
    sent: int,
    stopped: float | None,
    p99_ms: float,
    goal_ms: float,
    errors: float,
    queue_grows: bool,
    reasons: Counter[str],
) -> str | None:
    most = f" ({reasons.most_common(1)[0][0]})" if reasons else ""
    if not sent:
        return "no request was sent"
    if stopped is not None:
        return f"ended after {stopped:.1f} s: too many requests were late or failed{most}"
    if errors > MAX_ERRORS:
        return f"{errors:.2%} of the requests failed{most}"
    if p99_ms > goal_ms:
        return f"P99 is {p99_ms:.0f} ms"
    if queue_grows:
        return "the latency still grew at the end"
    return None


class ServiceMeter:
    """Measures the CPU time and the memory of a process and its descendants."""

    def __init__(self, pid: int) -> None:
        self._parent = psutil.Process(pid)

    def cpu_s(self) -> float:
        """Return the CPU time of all processes so far, in seconds; also that of processes that have ended."""
        total = 0.0
        for process in self._processes():
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
                # Of ended children, such as a worker that was replaced. Not on every system.
                total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return total

    def memory_mib(self) -> float:
        """Return the memory of all processes in MiB: PSS, or RSS where the system has no PSS."""
        total = 0
        for process in self._processes():
            with suppress(psutil.Error):
                full = process.memory_full_info()
                total += getattr(full, "pss", full.rss)
        return total / 2**20

    def _processes(self) -> list[psutil.Process]:
        # A process may end during the measurement.
        with suppress(psutil.Error):
            return [self._parent, *self._parent.children(recursive=True)]
        return []
