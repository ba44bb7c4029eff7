"""States of the tuner, made up for tests."""

from __future__ import annotations

from loadtest.tuner.candidates import Candidate
from loadtest.tuner.measurement import Run
from loadtest.tuner.tuning import Plan, Trial, Tuning

ONE, TWO, WIDE = (
    Candidate(workers=workers, threads=threads, engine="onnxruntime") for workers, threads in ((1, 1), (2, 1), (1, 2))
)
PLAN = Plan(
    goal_ms=500,
    resolution=0.05,
    requests=2000,
    least_s=8,
    most_s=30,
    warm_s=2,
    round_s=1,
    budget_s=None,
    texts=None,
    cpus=2,
    candidates=[TWO, WIDE, ONE],
    conditions={},
)
TIED = [[400.0, 396.0], [200.0, 202.0], [300.0, 297.0], [350.0, 349.0]]
"""Rounds of a comparison in which two finalists are equal."""


def run(rate: float, passed: bool, limited: str | None = None) -> Run:
    p99 = 100.0 if passed else 900.0
    return Run(
        rate=rate,
        seconds=10,
        requests=int(10 * rate),
        offered=rate,
        goodput=rate if passed else 0.0,
        p50_ms=p99 / 4,
        p95_ms=p99 / 2,
        p99_ms=p99,
        p99_low_ms=p99 - 10,
        p99_high_ms=p99 + 10,
        errors=0.0,
        failed=None if passed else "P99 is 900 ms",
        clear=True,
        limited=limited,
        wrong={},
        service_cpus=1.0,
        generator_cpus=0.2,
        processes=1,
        memory_mib=200.0,
    )


def trial(candidate: Candidate, rate: float, limited: str | None = None, **changes: object) -> Trial:
    above = round(rate * 1.04, 1)
    runs = [run(rate, True), run(rate, True), run(above, False, limited), run(above, False, limited)]
    return Trial.model_validate(
        {"candidate": candidate, "closed_loop": 2 * rate, "runs": runs, "done": True, "wall_s": 60, **changes}
    )


def tuning(*trials: Trial) -> Tuning:
    return Tuning(plan=PLAN, started="today", trials=list(trials))
