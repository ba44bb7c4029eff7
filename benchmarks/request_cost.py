"""Measure the cost of a short request outside the model: CPU time, latency, refusals under overload, CRF, padding.

    python -m benchmarks.request_cost [--rounds N] [--seconds S] [--json FILE]

One worker with one thread serves the model of the environment (RANER_MODEL); texts have 45 characters. The figures are
medians over the rounds, in which the recognizer in this process and the service alternate. Rounds are short and many,
because the speed of a host can change within seconds. CPU time is that of the worker, as the kernel counts it. Under
overload, the worker has one core and the client has the others; the capacity is measured in the same way. On a busy
machine, only the ratios are reliable.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

import numpy as np
import psutil

from benchmarks.batching.__main__ import bodies
from benchmarks.batching.client import send_all
from ner_runtime import Recognizer
from ner_runtime.cpus import processor_name
from ner_runtime.inference.batches import padded_tokens
from ner_runtime.inference.crf import Crf
from ner_runtime.inference.engine import default_batch_tokens
from ner_runtime.models.registry.resolve import resolve_model
from ner_runtime.serving.lifecycle.service_process import service_process
from ner_runtime.settings import load_settings
from ner_runtime.upstream.private import WORKER_MODULE

CLIENTS = 16
LIST = 64
BATCH_CLIENTS = 2
OVERLOAD = 3
OVERLOAD_S = 1.0
CONNECTIONS = 64
REFUSED_PER_S = 900
SETTINGS = {"RANER_WORKERS": "1", "RANER_THREADS": "1", "RANER_MAX_CONCURRENCY": "32"}
REFUSING = {**SETTINGS, "RANER_RATE_LIMIT": "1/h"}


def main() -> None:
    """Measure, print one figure per line, and write them to the file `--json`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.request_cost", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds per measurement in a round")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    figures = {"crf_ms": crf_ms(), "padding_share": padding_share(), **measure(options.rounds, options.seconds)}
    print(processor_name())
    for name, figure in figures.items():
        print(f"{name:32} {figure:.3f}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"processor": processor_name(), "figures": figures}, indent=1) + "\n")


def crf_ms() -> float:
    """CPU time to decode one sentence of 45 characters with 25 labels and two spans."""
    labels = ["O", *(f"{prefix}-{type_}" for type_ in "ABCDEF" for prefix in "BIES")]
    random = np.random.default_rng(45)
    start, end = random.normal(size=(2, len(labels))).astype(np.float32)
    transitions = random.normal(size=(len(labels), len(labels))).astype(np.float32)
    crf = Crf(labels, start, end, transitions)
    emissions = random.normal(size=(1, 45, len(labels))).astype(np.float32)
    emissions[:, :, 0] += 20
    emissions[:, [10, 30], labels.index("S-A")] += 40
    assert len(crf.decode(emissions, [45])[0]) == 2  # noqa: S101
    taken: list[float] = []
    for _ in range(9):
        started = time.process_time()
        for _ in range(100):
            crf.decode(emissions, [45])
        taken.append((time.process_time() - started) * 10)
    return median(taken)


def padding_share() -> float:
    """Share of padding in the tokens of texts of 8 to 400 characters, in groups of 16."""
    lengths, budget = Random(45).choices(range(8, 401), k=1600), default_batch_tokens(hidden=256)
    padded = sum(padded_tokens(lengths[start : start + 16], budget) for start in range(0, len(lengths), 16))
    return 1 - sum(lengths) / padded


def measure(rounds: int, seconds: float) -> dict[str, float]:
    """Measure the recognizer and the service in turn."""
    recognizer = Recognizer.open(resolve_model(load_settings().default_model), threads=1)
    taken: defaultdict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        port, worker = _start(stack, SETTINGS)
        refusing = _start(stack, REFUSING)
        for cached in (True, False):
            asyncio.run(send_all(port, bodies(cached), CLIENTS, 2.0))
        for _ in range(rounds):
            for name, value in _round(recognizer, port, worker, seconds).items():
                taken[name].append(value)
            taken["refusal_cpu_ms"].append(_refuse(*refusing, seconds))
    return {name: median(values) for name, values in taken.items()}


def _start(stack: ExitStack, settings: dict[str, str]) -> tuple[int, int]:
    """Start a service; return its port and the process id of its worker."""
    running = stack.enter_context(service_process(settings))
    children = psutil.Process(running.process.pid).children()
    [worker] = [child.pid for child in children if WORKER_MODULE in child.cmdline()]
    return int(running.url.rpartition(":")[2]), worker


def _refuse(port: int, worker: int, seconds: float) -> float:
    """Return the CPU time of a refused request in milliseconds."""
    before = _cpu_ms(worker)
    answers = asyncio.run(_send_at_random(port, REFUSED_PER_S, seconds))
    return (_cpu_ms(worker) - before) / len(answers)


def _round(recognizer: Recognizer, port: int, worker: int, seconds: float) -> dict[str, float]:
    # Figures that are compared with each other follow each other.
    alone = _recognize(recognizer, 1, seconds)
    _, one = _serve(port, worker, 1, cached=False, seconds=seconds)
    lists_ms = _recognize(recognizer, CLIENTS, seconds).cpu_ms
    new_ms, new = _serve(port, worker, CLIENTS, cached=False, seconds=seconds)
    lists_per_s = _recognize(recognizer, LIST, seconds).texts_per_s
    batches = asyncio.run(send_all(port, _batch_bodies(), BATCH_CLIENTS, seconds, "/ner/batch"))
    cached_ms, cached = _serve(port, worker, CLIENTS, cached=True, seconds=seconds)
    return {
        "model_cpu_ms": lists_ms,
        "request_cpu_ms": new_ms,
        "cpu_above_model_ms": new_ms - lists_ms,
        "http_share_of_recognizer": len(new) / seconds / lists_per_s,
        "batch_share_of_recognizer": LIST * len(batches) / seconds / lists_per_s,
        "cached_cpu_ms": cached_ms,
        "cached_per_s": len(cached) / seconds,
        "one_client_added_ms": 1000 * (median(one) - alone.latency_s),
        **_overload(port, worker, seconds),
    }


def _overload(port: int, worker: int, seconds: float) -> dict[str, float]:
    """Alternate short closed loops and overload of the same length, as the speed of the machine may change."""
    capacity, answers = 0, list[tuple[int, float]]()
    with _separate_cores(worker):
        for _ in range(max(1, round(seconds / OVERLOAD_S))):
            _, served = _serve(port, worker, 2 * CLIENTS, cached=False, seconds=OVERLOAD_S)
            answers += asyncio.run(_send_at_random(port, OVERLOAD * len(served) / OVERLOAD_S, OVERLOAD_S))
            capacity += len(served)
    statuses = Counter(status for status, _ in answers)
    refused = sorted(latency for status, latency in answers if status == 429)
    return {
        "overload_goodput_share": statuses[200] / capacity,
        "overload_refused_p99_ms": 1000 * refused[len(refused) * 99 // 100] if refused else 0.0,
    }


@contextmanager
def _separate_cores(worker: int) -> Generator[None]:
    """Pin the worker to one core and this process to the others, so that the client takes no time from the worker."""
    cores = os.sched_getaffinity(0)
    own = min(cores)
    tasks = [int(task.name) for task in Path(f"/proc/{worker}/task").iterdir()]
    try:
        for task in tasks:
            os.sched_setaffinity(task, {own})
        os.sched_setaffinity(0, cores - {own} or cores)
        yield
    finally:
        for task in [0, *tasks]:
            # A thread may have ended.
            with suppress(ProcessLookupError):
                os.sched_setaffinity(task, cores)


def _batch_bodies() -> Iterator[bytes]:
    """Yield bodies for `POST /ner/batch` with `LIST` texts each."""
    texts = (json.loads(body)["text"] for body in bodies(cached=False))
    while True:
        yield json.dumps({"texts": list(islice(texts, LIST))}).encode()


class _Recognized(NamedTuple):
    """How fast the recognizer is, without the service."""

    cpu_ms: float  # of a text
    texts_per_s: float
    latency_s: float  # of a call, median


def _recognize(recognizer: Recognizer, size: int, seconds: float) -> _Recognized:
    """Recognize lists of `size` texts."""
    texts = (json.loads(body)["text"] for body in bodies(cached=False))
    begun, cpu, latencies = time.perf_counter(), time.process_time(), list[float]()
    while (started := time.perf_counter()) < begun + seconds:
        recognizer.recognize(list(islice(texts, size)))
        latencies.append(time.perf_counter() - started)
    number = size * len(latencies)
    cpu_ms = 1000 * (time.process_time() - cpu) / number
    return _Recognized(cpu_ms, number / (time.perf_counter() - begun), median(latencies))


def _serve(port: int, worker: int, clients: int, *, cached: bool, seconds: float) -> tuple[float, list[float]]:
    """Return the CPU time of a request in milliseconds, and the latency of each request in seconds."""
    before = _cpu_ms(worker)
    latencies = asyncio.run(send_all(port, bodies(cached), clients, seconds))
    return (_cpu_ms(worker) - before) / len(latencies), latencies


async def _send_at_random(port: int, rate: float, seconds: float) -> list[tuple[int, float]]:
    """Send requests at random times, each on an idle connection; return the status and the latency of each.

    Latency is in seconds and counts from when the request was due.
    """
    texts, idle = bodies(cached=False), [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
    begun = time.perf_counter()

    async def send(due: float) -> tuple[int, float]:
        connection = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        status = await _exchange(*connection, next(texts))
        idle.append(connection)
        return status, time.perf_counter() - begun - due

    sending: list[asyncio.Task[tuple[int, float]]] = []
    for due in _arrivals(rate, seconds):
        if (wait := begun + due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        sending.append(asyncio.create_task(send(due)))
    answers = await asyncio.gather(*sending)
    for _, writer in idle:
        writer.close()
    return answers


def _arrivals(rate: float, seconds: float) -> list[float]:
    random, now, times = Random(45), 0.0, []
    while (now := now + random.expovariate(rate)) < seconds:
        times.append(now)
    return times


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> int:
    """Send a request and read the response; return its status."""
    head = f"POST /ner HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    await reader.readexactly(int(headers["content-length"]))
    return int(status.split()[1])


def _cpu_ms(process: int) -> float:
    tasks = Path(f"/proc/{process}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e6


if __name__ == "__main__":
    main()
