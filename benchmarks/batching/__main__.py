"""Measure latency, CPU time and batch sizes with the short request path and with BentoML's own, at 1 and 16 clients.

    python -m benchmarks.batching [--rounds N] [--seconds S] [--json FILE]

Two services run side by side, and their rounds alternate, so that other load on the machine affects them alike: on a
busy machine, the ratios are reliable, the times are not. Each service has one worker with one thread; each text has 45
characters. CPU time is that of the worker, as the kernel counts it; it includes inference if the texts never repeat.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median

import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.batching.client import send_all
from ner_runtime.json import to_json
from ner_runtime.models.convert.sample import sample_sentences
from ner_runtime.serving.lifecycle.service_process import service_process
from ner_runtime.upstream.private import WORKER_MODULE

TARGETS = {
    "short": "service:Raner",
    "BentoML": "benchmarks.batching.unmodified:Raner",
}
"""The service with each request path: its own, where only the scheduler batches, and BentoML's with its dispatcher."""
CLIENTS = (1, 16)
CHARS = 45
WARM_UP_S = 2.0
SETTINGS = {"RANER_WORKERS": "1", "RANER_THREADS": "1", "RANER_LOG_LEVEL": "warning"}


@dataclass(frozen=True)
class Row:
    """The results of one service: medians over the rounds.

    dispatched: mean number of requests that the dispatcher passed on together; 0 on the short path
    windows: mean number of windows in a batch of the scheduler; 0 if all texts were cached
    """

    path: str
    clients: int
    cached: bool
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    dispatched: float
    windows: float


@dataclass(frozen=True)
class Service:
    """A running service: its port and its worker process."""

    port: int
    worker: psutil.Process


def main() -> None:
    """Measure, print a table, and write the figures to the file `--json`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.batching", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds per service in a round")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    rows = measure(options.rounds, options.seconds)
    print_table(rows)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        machine = {"processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version()}
        options.json.write_text(
            json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=1) + "\n"
        )


def measure(rounds: int, seconds: float) -> list[Row]:
    """Measure each service with each number of clients, with cached texts and with new ones."""
    measured: defaultdict[tuple[str, int, bool], list[Row]] = defaultdict(list)
    with ExitStack() as stack:
        services = {name: _start(stack, target) for name, target in TARGETS.items()}
        for cached in (True, False):
            for name, service in services.items():
                measure_round(name, service, max(CLIENTS), cached, WARM_UP_S)
        for _ in range(rounds):
            for clients in CLIENTS:
                for cached in (True, False):
                    for name, service in services.items():
                        row = measure_round(name, service, clients, cached, seconds)
                        measured[name, clients, cached].append(row)
    return [_median(rows) for _, rows in sorted(measured.items(), key=lambda item: item[0][1:])]


def measure_round(name: str, service: Service, clients: int, cached: bool, seconds: float) -> Row:
    """Measure one service for `seconds`."""
    before, cpu_before = _samples(service), _cpu_s(service)
    latencies = sorted(asyncio.run(send_all(service.port, bodies(cached), clients, seconds)))
    after, cpu_after = _samples(service), _cpu_s(service)
    return Row(
        path=name,
        clients=clients,
        cached=cached,
        requests_per_s=len(latencies) / seconds,
        p50_ms=1000 * latencies[len(latencies) // 2],
        p99_ms=1000 * latencies[len(latencies) * 99 // 100],
        cpu_ms=1000 * (cpu_after - cpu_before) / len(latencies),
        dispatched=_mean(before, after, "bentoml_service_adaptive_batch_size"),
        windows=_mean(before, after, "raner_batch_size"),
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))


_numbers = count()


def bodies(cached: bool) -> Iterator[bytes]:
    """Yield request bodies for `POST /ner`: always the same text if `cached`, else texts that never repeat."""
    sentences = "".join(sample_sentences())
    while True:
        number = 0 if cached else next(_numbers) + 1
        start = number * CHARS % (len(sentences) - CHARS)
        yield to_json({"text": f"{number}{sentences[start : start + CHARS]}"[:CHARS]})


def print_table(rows: list[Row]) -> None:
    """Print the rows as a Markdown table."""
    print("| path | clients | texts | requests/s | P50 ms | P99 ms | CPU ms | dispatched | windows |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        figures = (row.requests_per_s, row.p50_ms, row.p99_ms, row.cpu_ms, row.dispatched, row.windows)
        cells = " | ".join(f"{figure:.2f}" if figure < 10 else f"{figure:.0f}" for figure in figures)
        print(f"| {row.path} | {row.clients} | {'cached' if row.cached else 'new'} | {cells} |")


def _start(stack: ExitStack, target: str) -> Service:
    running = stack.enter_context(service_process(SETTINGS, target=target))
    children = psutil.Process(running.process.pid).children()
    [worker] = [child for child in children if WORKER_MODULE in child.cmdline()]
    return Service(int(running.url.rpartition(":")[2]), worker)


def _median(rows: list[Row]) -> Row:
    first, *_ = rows
    names = ("requests_per_s", "p50_ms", "p99_ms", "cpu_ms", "dispatched", "windows")
    figures = {name: median(getattr(row, name) for row in rows) for name in names}
    return Row(first.path, first.clients, first.cached, **figures)


def _cpu_s(service: Service) -> float:
    """Return the CPU time of all threads of the worker, in seconds."""
    tasks = Path(f"/proc/{service.worker.pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9


def _samples(service: Service) -> dict[str, float]:
    """Return the samples of `/metrics` by name, each summed over its labels."""
    url = f"http://127.0.0.1:{service.port}/metrics"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as response:
        text = response.read().decode()
    sums: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] += sample.value
    return sums


def _mean(before: dict[str, float], after: dict[str, float], histogram: str) -> float:
    number = after[f"{histogram}_count"] - before[f"{histogram}_count"]
    return (after[f"{histogram}_sum"] - before[f"{histogram}_sum"]) / number if number else 0.0


if __name__ == "__main__":
    main()
