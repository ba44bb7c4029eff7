"""Find the best number of workers for this machine: `make tune`.

For each number of workers, the tuner starts the service, loads it with users that send one short text after the other
(`POST /ner`), and measures throughput, P50 and P99 latency, and memory. The best number has the highest throughput
among those whose P99 latency is within the bound; if several are equal within the noise, the lowest number is best.
The users run on the same machine and use CPU time too, so that the throughput is lower than that of the service alone.

Exit status: 0 if a best number was found, 1 if not (P99 above the bound, or failed runs), 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from pydantic import BaseModel

from loadtest.chart import bars
from loadtest.run import MAX_FAILURE_RATE, LocustFailed, load_service, report_path, require_locust, run_load
from loadtest.shapes import Shape, ShapeName
from loadtest.summary import Summary
from ner_runtime.serving.lifecycle.service_process import ServiceNotReady

NOISE = 0.03
"""The throughput of two identical runs differs by about this share."""


class Measurement(BaseModel):
    """The figures for one number of workers.

    `memory_mib`: peak memory of all processes of the service together; each shared page is counted once.
    """

    workers: int
    texts_per_s: float
    p50_ms: float
    p99_ms: float
    memory_mib: float
    failed: str | None = None


def best_measurement(measurements: Sequence[Measurement], max_p99_ms: float) -> Measurement | None:
    """Return the best measurement, or None if none is within the bound."""
    good = [measurement for measurement in measurements if not measurement.failed and measurement.p99_ms <= max_p99_ms]
    if not good:
        return None
    top = max(measurement.texts_per_s for measurement in good)
    return min(
        (measurement for measurement in good if measurement.texts_per_s >= top * (1 - NOISE)),
        key=lambda measurement: measurement.workers,
    )


def measurement_from(workers: int, summary: Summary, memory_mib: float) -> Measurement:
    """Make a measurement from the summary of a run."""
    row = summary.row("/ner") or summary.total
    return Measurement(
        workers=workers,
        texts_per_s=row.per_s,
        p50_ms=row.p50_ms,
        p99_ms=row.p99_ms,
        memory_mib=round(memory_mib, 1),
        failed=summary.verdict(MAX_FAILURE_RATE),
    )


def table(measurements: Sequence[Measurement], best: Measurement | None) -> str:
    """Return the measurements as a Markdown table in which the best one is marked."""
    rows = ["| workers | texts/s | P50 ms | P99 ms | memory MiB | |", "| ---: | ---: | ---: | ---: | ---: | --- |"]
    for measurement in measurements:
        note = "best" if measurement is best else measurement.failed or ""
        figures = (measurement.texts_per_s, measurement.p50_ms, measurement.p99_ms, measurement.memory_mib)
        rows.append(f"| {measurement.workers} | {' | '.join(f'{figure:.1f}' for figure in figures)} | {note} |")
    return "\n".join(rows)


def write_report(
    report: Path, measurements: Sequence[Measurement], best: Measurement | None, max_p99_ms: float, load: Shape
) -> None:
    """Write the report to three files: `report` with the suffixes .md, .json and .svg."""
    conclusion = f"Best: `RANER_WORKERS={best.workers}`" if best else "None is within the bound"
    conditions = f"{load.users} users without think times, {load.seconds:.0f} s each; P99 at most {max_p99_ms:.0f} ms."
    report.with_suffix(".md").write_text(
        f"# Workers\n\n{conditions}\n\n{table(measurements, best)}\n\n{conclusion}.\n", encoding="utf-8"
    )
    record = {
        "cpus": cpus(),
        "users": load.users,
        "seconds": load.seconds,
        "max_p99_ms": max_p99_ms,
        "best_workers": best.workers if best else None,
        "trials": [measurement.model_dump() for measurement in measurements],
    }
    report.with_suffix(".json").write_text(json.dumps(record, indent=2), encoding="utf-8")
    throughput = {f"{measurement.workers}": measurement.texts_per_s for measurement in measurements}
    report.with_suffix(".svg").write_text(bars("texts per second by number of workers", throughput), encoding="utf-8")


def cpus() -> int:
    """Return the number of CPUs that this process may use.

    The CPU quota of a container is ignored; use `--workers` there.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def memory_monitor(pid: int) -> Generator[list[float]]:
    """Measure the memory of a process and its descendants in MiB, once per second while the block runs."""
    samples: list[float] = []
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.wait(1):
            samples.append(_memory_mib(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        stopped.set()
        thread.join()


def _memory_mib(pid: int) -> float:
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            full = process.memory_full_info()
            # PSS counts a shared page once; not every system has it.
            total += getattr(full, "pss", full.rss)
    except psutil.Error:
        # A process has ended during the measurement.
        pass
    return total / 2**20


def measure_workers(workers: int, load: Shape, report: Path) -> Measurement:
    """Start the service with this number of workers, load-test it, and return the figures."""
    with load_service(RANER_WORKERS=str(workers)) as service, memory_monitor(service.process.pid) as memory:
        summary = run_load(service.url, load, report, think=0, only_short=True)
    return measurement_from(workers, summary, max(memory, default=0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each number of workers, write the report, and print the setting to use."""
    options = _parser().parse_args(arguments)
    require_locust()
    load = Shape(ShapeName.STEADY, options.users, options.seconds)
    report = Path(options.report) if options.report else report_path("tune-")
    measurements: list[Measurement] = []
    for workers in options.workers:
        measurement = measure_workers(workers, load, report.with_name(f"{report.name}-{workers}"))
        measurements.append(measurement)
        print(f"{workers} workers: {measurement.texts_per_s:.1f} texts/s, P99 {measurement.p99_ms:.0f} ms", flush=True)
    best = best_measurement(measurements, options.max_p99_ms)
    write_report(report, measurements, best, options.max_p99_ms, load)
    print(table(measurements, best))
    print(f"report: {report}.md .json .svg")
    if best is None:
        print(
            f"tune: no number of workers keeps P99 within {options.max_p99_ms:.0f} ms with right responses",
            file=sys.stderr,
        )
        return 1
    print(f"RANER_WORKERS={best.workers}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tune", description="Find the best number of workers for this machine.")
    parser.add_argument(
        "--workers",
        type=_counts,
        default=list(range(1, cpus() + 2)),
        help="Numbers of workers to measure, such as 1,2,4.",
    )
    parser.add_argument("--users", type=int, default=16, help="Concurrent users, without think times.")
    parser.add_argument(
        "--seconds",
        type=float,
        default=40,
        help="Duration of the run for each number of workers; the first quarter is the ramp-up.",
    )
    parser.add_argument("--max-p99-ms", type=float, default=1000, help="Highest P99 latency of one short text.")
    parser.add_argument("--report", help="Path of the report, without a suffix.")
    return parser


def _counts(text: str) -> list[int]:
    counts = [int(part) for part in text.split(",")]
    if min(counts) < 1:
        raise ValueError
    return counts


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LocustFailed, ServiceNotReady) as error:
        sys.exit(f"tune: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
