"""The ladder: what each layer costs, from the engine up to HTTP, with one worker of one thread.

The rounds of all rungs alternate in one run, and rungs are compared within a round, because the speed of a host can
change within seconds. CPU time is that of the process that does the work.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.serving.client import closed_loop
from benchmarks.serving.services import CHARS, Contender, batch_bodies, bodies, repeated_bodies, texts
from ner_runtime import Recognizer
from ner_runtime.inference.engine import EngineName, open_engine
from ner_runtime.lexicon.features import FLAGS
from ner_runtime.manifest import ONNX_FILE, read_manifest
from ner_runtime.models.registry.calibration import EngineOptions, engine_options
from ner_runtime.serving.answering.scheduler import Scheduler

BATCHES = (1, 4, 8, 16, 32, 64)
LIST = 64
CLIENTS = 16


@dataclass(frozen=True)
class Rung:
    """The results of a rung: medians over the rounds.

    per_s: sentences per second; cpu_ms: CPU time per sentence in milliseconds
    of_engine: sentences per second as a share of those of the engine in the same round, at its best batch size
    """

    name: str
    per_s: float
    cpu_ms: float
    of_engine: float


Measure = Callable[[float], tuple[float, float]]
"""Measures for so many seconds: sentences per second, CPU milliseconds per sentence."""


def measure_ladder(
    model: Path,
    engine: EngineName,
    service: Contender,
    cached: Contender,
    constant: Contender,
    rounds: int,
    seconds: float,
) -> list[Rung]:
    """Measure all rungs.

    Args:
        service: the service with this model, one worker of one thread, no cache
        cached: the same with a cache
        constant: the application that returns a constant
    """
    # The same options as in the service.
    options = engine_options(read_manifest(model), engine=engine, device="cpu", threads=1, max_batch_tokens=0)
    recognizer = Recognizer.open(
        model,
        threads=1,
        **options.model_dump(),
    )
    rungs: dict[str, Measure] = {
        **{f"engine, batches of {size}": _engine(model, options, size) for size in BATCHES},
        f"Recognizer, lists of {LIST}": _recognizer(recognizer, LIST),
        "Recognizer, one by one": _recognizer(recognizer, 1),
        f"scheduler, {CLIENTS} at once": partial(_scheduler, recognizer),
        f"POST /ner, {CLIENTS} clients": partial(_http, service, bodies(), CLIENTS, 1, "/ner"),
        "POST /ner, 1 client": partial(_http, service, bodies(), 1, 1, "/ner"),
        f"POST /ner/batch, lists of {LIST}": partial(_http, service, batch_bodies(LIST), 2, LIST, "/ner/batch"),
        f"POST /ner, cached, {CLIENTS} clients": partial(_http, cached, repeated_bodies(), CLIENTS, 1, "/ner"),
        f"bare Starlette, {CLIENTS} clients": partial(_http, constant, bodies(), CLIENTS, 1, "/ner"),
    }
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in rungs}
    for measure in rungs.values():
        measure(min(0.5, seconds))
    for _ in range(rounds + 1):
        for name, measure in rungs.items():
            # Calls in this process are measured for a shorter time: their rate does not have to rise and fall first.
            is_call = name.startswith(("engine", "Recognizer"))
            figures[name].append(measure(seconds / 2 if is_call else seconds))
    return ladder_of(figures)


def ladder_of(figures: Mapping[str, Sequence[tuple[float, float]]]) -> list[Rung]:
    """Return the rungs; `figures` has the sentences per second and the CPU time of each round, by the name of the rung.

    The engine is best at the batch size with the highest median.
    """
    rates = {name: [per_s for per_s, _ in values] for name, values in figures.items()}
    best = max((of for name, of in rates.items() if name.startswith("engine")), key=median)
    return [
        Rung(
            name,
            round(median(rates[name]), 2),
            round(median(cpu_ms for _, cpu_ms in values), 3),
            round(median(own / engine for own, engine in zip(rates[name], best, strict=True)), 3),
        )
        for name, values in figures.items()
    ]


def _engine(model: Path, options: EngineOptions, size: int) -> Measure:
    manifest = read_manifest(model)
    session = open_engine(model / ONNX_FILE, name=options.engine, threads=1, precision_hint=options.precision_hint)
    shape = (size, CHARS + 2)
    ids = np.random.default_rng(45).integers(0, manifest.geometry.vocab, shape)  # (batch, sequence)
    mask = np.ones(shape, dtype=np.int64)  # (batch, sequence)
    lexicon = np.zeros((*shape, FLAGS), dtype=np.uint8) if manifest.lexicon_kinds else None  # (batch, sequence, flags)
    return partial(_calls, lambda: session.logits(ids, mask, lexicon), size)


def _recognizer(recognizer: Recognizer, size: int) -> Measure:
    source = texts()
    return partial(_calls, lambda: recognizer.recognize([next(source) for _ in range(size)]), size)


def _calls(call: Callable[[], object], sentences: int, seconds: float) -> tuple[float, float]:
    started, cpu = time.perf_counter(), time.process_time()
    calls = 0
    while time.perf_counter() - started < seconds:
        call()
        calls += 1
    number = calls * sentences
    return number / (time.perf_counter() - started), 1000 * (time.process_time() - cpu) / number


def _scheduler(recognizer: Recognizer, seconds: float) -> tuple[float, float]:
    async def run() -> tuple[float, float]:
        scheduler, source = Scheduler(recognizer), texts()
        started, cpu = time.perf_counter(), time.process_time()

        async def client() -> int:
            number = 0
            while time.perf_counter() - started < seconds:
                await scheduler.recognize([next(source)])
                number += 1
            return number

        number = sum(await asyncio.gather(*(client() for _ in range(CLIENTS))))
        elapsed, used = time.perf_counter() - started, time.process_time() - cpu
        scheduler.close()
        return number / elapsed, 1000 * used / number

    return asyncio.run(run())


def _http(
    service: Contender, source: Iterator[bytes], clients: int, sentences: int, path: str, seconds: float
) -> tuple[float, float]:
    before = service.meter.cpu_s()
    # Lists are long: responses that are cut off would count.
    found = closed_loop(service.port, source, clients, seconds, path, cut_off=False)
    number = sum(found.statuses.values()) * sentences
    return found.ok_per_s * sentences, 1000 * (service.meter.cpu_s() - before) / max(1, number)
