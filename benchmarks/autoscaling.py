"""Simulate the autoscalers of deploy/kubernetes against a spike, and draw docs/autoscaling.png.

A discrete-event simulation: Poisson arrivals, one server per replica with a fixed service time, each request sent to a
replica at random, as a Kubernetes Service does. A request that would wait longer than the service allows is turned away
with 429. Every 15 seconds, the autoscaler computes the number of replicas by the rule of the HorizontalPodAutoscaler,
`ceil(replicas * metric / target)`, within the scaling policies of the manifests. A new replica is ready after a
start-up time. CPU utilisation is the mean of the last 30 seconds and cannot exceed 100 %; the number of requests in
flight grows with the queue.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PERIOD_S = 15.0
CPU_WINDOW_S = 30.0
DOWN_WINDOW_S = 300.0
START_S = 20.0
MAX_WAIT_S = 0.7 * 30
CPU_TARGET = 0.65
IN_FLIGHT_TARGET = 2.0
QUEUE_TARGET_S = 0.05


@dataclass(frozen=True, slots=True)
class Load:
    """The request rate, per second: `peak` from `start` to `end` (in seconds), `base` otherwise."""

    base: float
    peak: float
    start: float
    end: float

    def rate(self, now: float) -> float:
        """Return the request rate at a time."""
        return self.peak if self.start <= now < self.end else self.base


@dataclass(slots=True)
class Sample:
    """The figures of one period of the autoscaler."""

    time: float
    replicas: int
    wanted: int
    p95_wait_s: float
    turned_away: int
    arrived: int


@dataclass(slots=True)
class _Replica:
    ready: float
    free: float
    ends: deque[float] = field(default_factory=deque[float])


_History = deque[tuple[float, int]]
"""Numbers of replicas with their times: (seconds, replicas)."""

Metric = Callable[[float, float, float], float]
"""Maps CPU utilisation, requests in flight per replica and P95 waiting time to the metric divided by its target."""


def cpu(utilisation: float, _in_flight: float, _wait: float) -> float:
    """Return the metric of the CPU autoscaler in `deploy/kubernetes/base`."""
    return utilisation / CPU_TARGET


def demand(utilisation: float, in_flight: float, wait: float) -> float:
    """Return the metric of the component `keda`: the largest of its three triggers."""
    return max(in_flight / IN_FLIGHT_TARGET, wait / QUEUE_TARGET_S, utilisation / 0.8)


def replicas_for(rate: float, cpu_seconds: float, utilisation: float = CPU_TARGET, least: int = 2) -> int:
    """Return how many replicas, with one CPU each, serve a request rate at a CPU utilisation.

    Args:
        rate: requests per second
        cpu_seconds: CPU time of one request
        utilisation: share of the CPU to use, between 0 and 1
        least: minimum number of replicas; with two, one may fail
    """
    return max(least, math.ceil(rate * cpu_seconds / utilisation))


def simulate(
    load: Load, service_s: float, metric: Metric, *, seconds: float, replicas: int, most: int, seed: int = 1
) -> list[Sample]:
    """Run the simulation and return one sample per period of the autoscaler."""
    rng = random.Random(seed)
    pods = [_Replica(0, 0) for _ in range(replicas)]
    samples: list[Sample] = []
    waits: list[float] = []
    busy: deque[tuple[float, float]] = deque()
    wishes: _History = deque()
    counts: _History = deque()
    arrived = turned_away = 0
    next_check = PERIOD_S
    now = 0.0
    while now < seconds:
        now += rng.expovariate(load.rate(now))
        while now >= next_check:
            ready = [pod for pod in pods if pod.ready <= next_check]
            in_flight = sum(_in_flight(pod, next_check) for pod in ready) / len(ready)
            utilisation = _utilisation(busy, next_check, len(ready))
            p95 = sorted(waits)[int(0.95 * len(waits))] if waits else 0.0
            wanted = _wanted(len(pods), metric(utilisation, in_flight, p95), most, replicas)
            wishes.append((next_check, wanted))
            counts.append((next_check, len(pods)))
            _scale(pods, wishes, counts, next_check)
            samples.append(Sample(next_check, len(ready), wanted, p95, turned_away, arrived))
            waits, arrived, turned_away = [], 0, 0
            next_check += PERIOD_S
        arrived += 1
        pod = rng.choice([pod for pod in pods if pod.ready <= now])
        wait = max(0.0, pod.free - now)
        if wait > MAX_WAIT_S:
            turned_away += 1
            continue
        waits.append(wait)
        pod.free = now + wait + service_s
        pod.ends.append(pod.free)
        busy.append((now + wait, service_s))
    return samples


def _in_flight(pod: _Replica, now: float) -> int:
    while pod.ends and pod.ends[0] <= now:
        pod.ends.popleft()
    return len(pod.ends)


def _utilisation(busy: deque[tuple[float, float]], now: float, replicas: int) -> float:
    while busy and busy[0][0] < now - CPU_WINDOW_S:
        busy.popleft()
    used = sum(seconds for begun, seconds in busy if begun <= now)
    return min(1.0, used / (CPU_WINDOW_S * replicas))


def _wanted(current: int, ratio: float, most: int, least: int) -> int:
    # The HorizontalPodAutoscaler does not scale if the ratio is within 10 % of 1.
    wanted = current if abs(ratio - 1) <= 0.1 else math.ceil(current * ratio)
    # The scale-up policies: at most double, or four more, within 15 s.
    return max(least, min(most, wanted, max(2 * current, current + 4)))


def _scale(
    pods: list[_Replica], wishes: deque[tuple[float, int]], counts: deque[tuple[float, int]], now: float
) -> None:
    _forget(wishes, now - DOWN_WINDOW_S)
    _forget(counts, now - 60)
    wanted = wishes[-1][1]
    for _ in range(wanted - len(pods)):
        pods.append(_Replica(now + START_S, now + START_S))
    # Scale down at most to the highest number wanted in the window, and by at most a quarter per minute.
    floor = max(max(wish for _, wish in wishes), math.floor(0.75 * max(count for _, count in counts)))
    if floor < len(pods):
        # Remove the least busy replicas; they finish their requests.
        leaving = heapq.nsmallest(len(pods) - floor, pods, key=lambda pod: pod.free)
        pods[:] = [pod for pod in pods if pod not in leaving]


def _forget(entries: _History, before: float) -> None:
    while entries and entries[0][0] < before:
        entries.popleft()


def draw(runs: Sequence[tuple[str, list[Sample]]], load: Load, path: Path) -> None:
    """Plot the request rate, the replicas and the waiting times over time."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(8, 7), sharex=True)
    times = [sample.time / 60 for sample in runs[0][1]]
    top.plot(times, [load.rate(sample.time - 1) for sample in runs[0][1]], color="black")
    top.set_ylabel("requests/s")
    for (name, samples), style in zip(runs, ("--", "-"), strict=True):
        middle.plot(times, [sample.replicas for sample in samples], style, label=name)
        bottom.plot(times, [max(1, 1000 * sample.p95_wait_s) for sample in samples], style, label=name)
    middle.set_ylabel("ready replicas")
    middle.legend()
    bottom.set_ylabel("P95 wait, ms")
    bottom.set_yscale("log")
    bottom.set_xlabel("minutes")
    for axes in (top, middle, bottom):
        axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Simulate both autoscalers against the same spike."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu-ms", type=float, default=6.0, help="CPU time of one request, in milliseconds.")
    parser.add_argument("--base", type=float, default=100, help="Requests per second before and after the spike.")
    parser.add_argument("--peak", type=float, default=1000, help="Requests per second during the spike.")
    parser.add_argument("--picture", type=Path, default=Path("docs/autoscaling.png"))
    options = parser.parse_args()
    load = Load(options.base, options.peak, 120, 480)
    runs: list[tuple[str, list[Sample]]] = []
    for name, metric in (("CPU (base)", cpu), ("demand (keda)", demand)):
        samples = simulate(load, options.cpu_ms / 1000, metric, seconds=1200, replicas=2, most=40)
        runs.append((name, samples))
        spike = [sample for sample in samples if 120 < sample.time <= 480]
        over = sum(PERIOD_S for sample in spike if sample.p95_wait_s > 1)
        refused = sum(sample.turned_away for sample in spike) / sum(sample.arrived for sample in spike)
        hours = sum(sample.replicas for sample in samples) * PERIOD_S / 3600
        print(
            f"{name}: P95 wait above 1 s for {over:.0f} s, {refused:.1%} turned away, at most "
            f"{max(sample.replicas for sample in samples)} replicas, {hours:.2f} replica hours"
        )
    draw(runs, load, options.picture)


if __name__ == "__main__":
    main()
