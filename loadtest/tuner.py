"""`make tune`: how many workers serve best on this machine, found by trying each count under the same load.

For each count the service is started anew, brought to its full load of readers with one short text after the other
(`POST /ner`), and measured: texts a second, P50 and P99, and memory. The best is the count with the highest throughput
among those whose P99 is within the bound; fewer workers where the difference is within what two runs differ by. The
load comes from the same machine and takes CPU of its own, so that the figures are lower than the service could do
alone, for every count alike.

Exit status 0: there is a best; 1: none is within the bound, or an answer was wrong; 2: wrong usage.
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
from loadtest.run import MAX_FAILURE_RATE, report_at, require_locust, run_load
from loadtest.service import NotRunning, own_service
from loadtest.shapes import Shape, ShapeName
from loadtest.summary import Summary

NOISE = 0.03
"""Two runs of one count differ by about this share of their throughput."""


class Trial(BaseModel):
    """What one count of workers did. `memory_mib`: of all its processes at its highest, shared pages counted once."""

    workers: int
    texts_per_s: float
    p50_ms: float
    p99_ms: float
    memory_mib: float
    failed: str | None = None


def best_of(trials: Sequence[Trial], max_p99_ms: float) -> Trial | None:
    """The trial to follow; None where none is within the bound."""
    good = [trial for trial in trials if not trial.failed and trial.p99_ms <= max_p99_ms]
    if not good:
        return None
    top = max(trial.texts_per_s for trial in good)
    return min((trial for trial in good if trial.texts_per_s >= top * (1 - NOISE)), key=lambda trial: trial.workers)


def trial_of(workers: int, summary: Summary, memory_mib: float) -> Trial:
    """The trial that a run was."""
    row = summary.row("/ner") or summary.total
    return Trial(
        workers=workers,
        texts_per_s=row.per_s,
        p50_ms=row.p50_ms,
        p99_ms=row.p99_ms,
        memory_mib=round(memory_mib, 1),
        failed=summary.verdict(MAX_FAILURE_RATE),
    )


def table(trials: Sequence[Trial], best: Trial | None) -> str:
    """The trials as a Markdown table, the best one marked."""
    rows = ["| workers | texts/s | P50 ms | P99 ms | memory MiB | |", "| ---: | ---: | ---: | ---: | ---: | --- |"]
    for trial in trials:
        note = "best" if trial is best else trial.failed or ""
        figures = (trial.texts_per_s, trial.p50_ms, trial.p99_ms, trial.memory_mib)
        rows.append(f"| {trial.workers} | {' | '.join(f'{figure:.1f}' for figure in figures)} | {note} |")
    return "\n".join(rows)


def write_report(report: Path, trials: Sequence[Trial], best: Trial | None, max_p99_ms: float, load: Shape) -> None:
    """`report` with .md, .json and .svg."""
    said = f"Best: `RANER_WORKERS={best.workers}`" if best else "None is within the bound"
    about = f"{load.users} users without think times, {load.seconds:.0f} s each; P99 at most {max_p99_ms:.0f} ms."
    report.with_suffix(".md").write_text(
        f"# Workers\n\n{about}\n\n{table(trials, best)}\n\n{said}.\n", encoding="utf-8"
    )
    record = {
        "cpus": cpus(),
        "users": load.users,
        "seconds": load.seconds,
        "max_p99_ms": max_p99_ms,
        "best_workers": best.workers if best else None,
        "trials": [trial.model_dump() for trial in trials],
    }
    report.with_suffix(".json").write_text(json.dumps(record, indent=2), encoding="utf-8")
    throughput = {f"{trial.workers}": trial.texts_per_s for trial in trials}
    report.with_suffix(".svg").write_text(bars("texts a second, by workers", throughput), encoding="utf-8")


def cpus() -> int:
    """CPUs that this process may use; a container's quota is not seen, and `--workers` is there to say it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def memory_watched(pid: int) -> Generator[list[float]]:
    """Each second, while the block runs, the MiB of a process and all below it."""
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1):
            seen.append(_memory_mib(pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _memory_mib(pid: int) -> float:
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            full = process.memory_full_info()
            # What processes share is divided among them, where the system says so.
            total += getattr(full, "pss", full.rss)
    except psutil.Error:
        # A process that ends while it is looked at.
        pass
    return total / 2**20


def try_workers(workers: int, load: Shape, report: Path) -> Trial:
    """Start the service with that many workers, load it, and say what it did."""
    with own_service(RANER_WORKERS=str(workers)) as (url, pid), memory_watched(pid) as memory:
        summary = run_load(url, load, report, think=0, only_short=True)
    return trial_of(workers, summary, max(memory, default=0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Try all counts, report, print the line to set."""
    asked = _parser().parse_args(arguments)
    require_locust()
    load = Shape(ShapeName.STEADY, asked.users, asked.seconds)
    report = Path(asked.report) if asked.report else report_at("tune-")
    trials: list[Trial] = []
    for workers in asked.workers:
        trial = try_workers(workers, load, report.with_name(f"{report.name}-{workers}"))
        trials.append(trial)
        print(f"{workers} workers: {trial.texts_per_s:.1f} texts/s, P99 {trial.p99_ms:.0f} ms", flush=True)
    best = best_of(trials, asked.max_p99_ms)
    write_report(report, trials, best, asked.max_p99_ms, load)
    print(table(trials, best))
    print(f"report: {report}.md .json .svg")
    if best is None:
        print(f"tune: no count keeps P99 within {asked.max_p99_ms:.0f} ms with right answers", file=sys.stderr)
        return 1
    print(f"RANER_WORKERS={best.workers}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tune", description="Find the worker count that serves best here.")
    parser.add_argument("--workers", type=_counts, default=list(range(1, cpus() + 2)), help="Such as 1,2,4.")
    parser.add_argument("--users", type=int, default=16, help="Users at once, without think times.")
    parser.add_argument("--seconds", type=float, default=40, help="Time for each count, a quarter of it to come up.")
    parser.add_argument("--max-p99-ms", type=float, default=1000, help="The bound on P99 of one short text.")
    parser.add_argument("--report", help="Where the report goes, without an ending.")
    return parser


def _counts(text: str) -> list[int]:
    counts = [int(part) for part in text.split(",")]
    if min(counts) < 1:
        raise ValueError
    return counts


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NotRunning as error:
        sys.exit(f"tune: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
