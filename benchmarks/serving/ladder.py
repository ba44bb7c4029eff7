"""The ladder: what each layer costs, from the engine up to HTTP, with one worker of one thread.

The speed of a host can change within seconds. The rounds of all rungs therefore alternate in one run, and each rung is
compared with the engine right before and after it. CPU time is that of the process that does the work.
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

from benchmarks.serving.client import OK, closed_loop, steady
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
    of_engine: sentences per second as a share of those of the engine at its best batch size
    """

    name: str
    per_s: float
    cpu_ms: float
    of_engine: float


@dataclass(frozen=True)
class Figures:
    """The results of a rung in one round.

    per_s: sentences per second; cpu_ms: CPU time per sentence in milliseconds
    engine_per_s: sentences per second of the engine at its best batch size: the mean of the measurements right before
        and right after
    """

    per_s: float
    cpu_ms: float
    engine_per_s: float


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
    for measure in rungs.values():
        measure(min(0.5, seconds))
    engines = {name: measure for name, measure in rungs.items() if name.startswith("engine")}
    rates = {name: median(measure(seconds / 4)[0] for _ in range(3)) for name, measure in engines.items()}
    best = engines[max(rates, key=rates.__getitem__)]
    figures: dict[str, list[Figures]] = {name: [] for name in rungs}
    for _ in range(rounds + 1):
        before, _cpu_ms = best(seconds / 4)
        for name, measure in rungs.items():
            # Calls in this process are measured for a shorter time: their rate does not have to rise first.
            is_call = name.startswith(("engine", "Recognizer"))
            per_s, cpu_ms = measure(seconds / 2 if is_call else seconds)
            after, _cpu_ms = best(seconds / 4)
            figures[name].append(Figures(per_s, cpu_ms, (before + after) / 2))
            before = after
    return ladder_of(figures)


def ladder_of(figures: Mapping[str, Sequence[Figures]]) -> list[Rung]:
    """Return the rungs from the figures of each round, by the name of the rung."""
    return [
        Rung(
            name,
            round(median(each.per_s for each in found), 2),
            round(median(each.cpu_ms for each in found), 3),
            round(median(each.per_s / each.engine_per_s for each in found), 3),
        )
        for name, found in figures.items()
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

        async def send() -> int:
            await scheduler.recognize([next(source)])
            return OK

        found = await steady([send] * CLIENTS, seconds)
        scheduler.close()
        return found.ok_per_s, 1000 * found.client_cpu_s / found.total

    return asyncio.run(run())


def _http(
    service: Contender, source: Iterator[bytes], clients: int, sentences: int, path: str, seconds: float
) -> tuple[float, float]:
    before = service.meter.cpu_s()
    found = closed_loop(service.port, source, clients, seconds, path)
    cpu_ms = 1000 * (service.meter.cpu_s() - before) / (found.total * sentences)
    return found.ok_per_s * sentences, cpu_ms
