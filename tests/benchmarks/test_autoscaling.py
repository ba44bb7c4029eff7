"""The simulation of the autoscalers: what queueing theory knows, and what a spike does."""

from __future__ import annotations

import pytest

from benchmarks.autoscaling import Load, Sample, cpu, demand, replicas_for, simulate

SERVICE_S = 0.01
STEADY = Load(100, 100, 0, 0)


def steady(utilisation: float, _in_flight: float, _wait: float) -> float:
    return 1.0


def late(samples: list[Sample]) -> list[Sample]:
    return samples[len(samples) // 2 :]


@pytest.mark.parametrize(("rate", "replicas"), [(100, 2), (1000, 10), (10_000, 93)])
def test_replicas_are_work_over_utilisation(rate: float, replicas: int) -> None:
    assert replicas_for(rate, 0.00603) == replicas


def test_one_queue_waits_as_long_as_the_theory_says() -> None:
    # 50 requests/s for each of two servers that take 10 ms: half of them busy. The mean wait of M/D/1 is 5 ms, and
    # 95 % wait less than about 20 ms.
    samples = simulate(STEADY, SERVICE_S, steady, seconds=600, replicas=2, most=2)
    waits = [sample.p95_wait_s for sample in samples]
    assert 0.014 < sum(waits) / len(waits) < 0.022


def test_too_few_replicas_turn_requests_away() -> None:
    samples = simulate(Load(300, 300, 0, 0), SERVICE_S, steady, seconds=300, replicas=2, most=2)
    turned_away = sum(sample.turned_away for sample in late(samples)) / sum(s.arrived for s in late(samples))
    assert turned_away == pytest.approx(1 / 3, abs=0.05)


@pytest.mark.parametrize("metric", [cpu, demand])
def test_an_autoscaler_reaches_the_load_and_goes_down_again(metric: object) -> None:
    load = Load(50, 500, 60, 420)
    samples = simulate(load, SERVICE_S, metric, seconds=1500, replicas=2, most=30)  # type: ignore[arg-type]
    at_the_end_of_the_spike = next(sample for sample in samples if sample.time >= 420)
    assert at_the_end_of_the_spike.replicas >= replicas_for(500, SERVICE_S, 0.9)
    assert at_the_end_of_the_spike.p95_wait_s < 0.2
    assert samples[-1].replicas < at_the_end_of_the_spike.replicas


def test_demand_reacts_before_cpu_does() -> None:
    load = Load(50, 500, 60, 420)
    waited = [
        sum(s.p95_wait_s for s in simulate(load, SERVICE_S, metric, seconds=420, replicas=2, most=30))
        for metric in (cpu, demand)
    ]
    assert waited[1] < waited[0]
