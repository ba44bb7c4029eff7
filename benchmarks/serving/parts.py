"""The parts of the benchmark. Each returns plain data for the JSON file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from benchmarks.serving.client import OK, Responses, closed_loop, one_by_one, open_loop
from benchmarks.serving.ladder import CLIENTS, measure_ladder
from benchmarks.serving.services import Contender, Models, app, bodies, engines, ours, repeated_bodies
from ner_runtime.embedded import embedded_model
from ner_runtime.settings import Settings

DESIGN, VARIANT, CONSTANT = "replaced design", "its best variant", "bare Starlette"
LENGTHS = (1_000, 3_000, 10_000, 30_000, 100_000)
_LENGTH_CHARS = 20_000
_FEW_CLIENTS = 4
# Requests of the design take seconds: it is measured for so many times longer.
_SLOW = 3
_SUSTAINED = 0.8
_OVERLOAD = 3.0
_REFUSED = 429


@dataclass(frozen=True)
class Options:
    """How thoroughly to measure.

    rounds, seconds: alternating rounds, and the duration of a measurement in a round
    goal_s: a response within so many seconds is good, in the part `overload`
    quick: leave out the less important contenders
    """

    rounds: int
    seconds: float
    goal_s: float
    quick: bool


@dataclass(frozen=True)
class Row:
    """The results of one contender: medians over the rounds.

    times_design: its requests per second divided by the mean of the design's right before and right after; None if the
        design had no response with status 200
    cpus: CPUs that it used: CPU time per response times responses per second
    mib: memory (PSS) of all its processes
    """

    contender: str
    clients: int
    per_s: float
    times_design: float | None
    p50_ms: float | None
    p99_ms: float | None
    cpu_ms: float
    cpus: float
    mib: float
    failures: int


def compare(models: Models, options: Options) -> list[dict[str, Any]]:
    """Compare the contenders at the base geometry, in closed loops. They run side by side; their rounds alternate.

    The speed of a host can change within seconds: the design is measured before and after each other contender.
    """
    new, repeated = bodies(), repeated_bodies()
    with ExitStack() as stack:
        design = stack.enter_context(app(DESIGN, "design", models.checkpoint))
        variant = stack.enter_context(app(VARIANT, "variant", models.checkpoint))
        sources: dict[str, Iterator[bytes]] = {design.name: new, variant.name: new}
        contenders = [design, variant]
        for name, variables in _settings(models, options).items():
            contenders.append(stack.enter_context(ours(name, **variables)))
            sources[name] = repeated if "cached" in name else new
        for contender in contenders:
            # Also fills the cache.
            _measure(contender, sources[contender.name], 2.0)
        rows: dict[str, list[Row]] = {contender.name: [] for contender in contenders}
        for _ in range(options.rounds):
            before = _measure(design, new, _SLOW * options.seconds)
            for contender in contenders[1:]:
                seconds = (_SLOW if contender is variant else 1) * options.seconds
                row = _measure(contender, sources[contender.name], seconds)
                after = _measure(design, new, _SLOW * options.seconds)
                rows[contender.name].append(compared(row, before, after))
                rows[design.name].append(after)
                before = after
    return [asdict(_median(values)) for values in rows.values()]


def compared(row: Row, before: Row, after: Row) -> Row:
    """Return a row with its `times_design`, from the design's rows right before and right after it."""
    design = (before.per_s + after.per_s) / 2
    return replace(row, times_design=row.per_s / design if design else None)


def sustained(models: Models, options: Options) -> dict[str, Any]:
    """Compare the latency of the design and of the service at a rate that the design sustains, with random arrivals.

    The rate is 80 % of the design's throughput in a closed loop.
    """
    seconds = 5 * options.seconds
    with (
        app(DESIGN, "design", models.checkpoint) as design,
        ours("INT8, 2 workers", model=models.int8, RANER_WORKERS="2") as service,
    ):
        for contender in (design, service):
            _measure(contender, bodies(), 2.0)
        rate = _SUSTAINED * closed_loop(design.port, bodies(), 2, seconds).ok_per_s
        design.settle()
        found = {
            contender.name: open_loop(contender.port, bodies(), rate, 3 * seconds, wait_s=60)
            for contender in (design, service)
        }
    rows = {
        name: {"p50_ms": _rounded(load.percentile_ms(0.5)), "p99_ms": _rounded(load.percentile_ms(0.99))}
        | {"requests": sum(load.statuses.values())}
        for name, load in found.items()
    }
    return {"rate": round(rate, 2), "rows": rows}


def ladder(models: Models, options: Options) -> dict[str, Any]:
    """Measure what each layer costs, for the base INT8 model and the embedded one, with each engine."""
    results: dict[str, Any] = {}
    for name, model in (("base INT8", models.int8), ("embedded", embedded_model())):
        for engine in ("onnxruntime",) if options.quick else ("onnxruntime", "openvino"):
            with (
                ours("service", model=model, RANER_ENGINE=engine) as service,
                ours("cached", model=model, RANER_ENGINE=engine, RANER_CACHE_URL="memory://") as cached,
                app(CONSTANT, "constant", models.checkpoint) as constant,
            ):
                rungs = measure_ladder(model, engine, service, cached, constant, options.rounds, options.seconds)
            results[f"{name}, {engine}"] = [asdict(rung) for rung in rungs]
    return results


def overload(models: Models, options: Options) -> dict[str, Any]:
    """Load the service with three times its capacity, with each model.

    The speed of a host can change within seconds: the capacity is measured before and after each overload. The limit
    of concurrent requests is the default, or as many as the service handles in half the goal if that is less.
    """
    results: dict[str, Any] = {}
    for name, model in (("embedded", embedded_model()), ("base INT8", models.int8)):
        with ours(name, model=model) as service:
            _capacity(service, CLIENTS, 2.0)
            within_goal = round(_capacity(service, CLIENTS, options.seconds) * options.goal_s / 2)
        most = max(1, min(within_goal, Settings.model_fields["max_concurrency"].default))
        with ours(name, model=model, RANER_MAX_CONCURRENCY=str(most)) as service:
            rounds: list[dict[str, float | None]] = []
            _capacity(service, most, 2.0)
            before = _capacity(service, most, options.seconds)
            for seed in range(2 * options.rounds):
                # Half the goal is enough to fill the queue.
                over = open_loop(
                    service.port,
                    bodies(),
                    _OVERLOAD * before,
                    2 * options.seconds,
                    warm_s=options.goal_s / 2,
                    seed=seed,
                )
                after = _capacity(service, most, options.seconds)
                rounds.append(overloaded(over, (before + after) / 2, options.goal_s))
                before = after
        failures = sum(each["failures"] or 0 for each in rounds)
        results[name] = {"max_concurrency": most, "goal_s": options.goal_s, **_medians(rounds), "failures": failures}
    return results


def _capacity(service: Contender, clients: int, seconds: float) -> float:
    """Return the requests per second in a closed loop with as many clients as the service accepts at a time."""
    service.settle()
    return closed_loop(service.port, bodies(), clients, seconds).ok_per_s


def overloaded(over: Responses, capacity: float, goal_s: float) -> dict[str, float | None]:
    """Return the figures of an overload.

    Args:
        over: the responses
        capacity: requests per second that the service can handle
        goal_s: a response within so many seconds is good
    """
    return {
        "capacity_per_s": _rounded(capacity),
        "offered_per_s": _rounded(over.total / over.seconds),
        "goodput_per_s": _rounded(over.good_per_s(goal_s)),
        "goodput_of_capacity": round(over.good_per_s(goal_s) / capacity, 3),
        "refusal_p50_ms": _rounded(over.percentile_ms(0.5, _REFUSED)),
        "refusal_p99_ms": _rounded(over.percentile_ms(0.99, _REFUSED)),
        "generator_cpus": round(over.client_cpu_s / over.seconds, 2),
        "failures": over.statuses.total() - over.statuses[OK] - over.statuses[_REFUSED] + over.unanswered,
    }


def _medians(rounds: list[dict[str, float | None]]) -> dict[str, float | None]:
    """Return the median of each figure over the rounds that have it."""
    found = {name: [value for each in rounds if (value := each[name]) is not None] for name in rounds[0]}
    return {name: median(values) if values else None for name, values in found.items()}


def length(_models: Models, options: Options) -> list[dict[str, Any]]:
    """Measure the cost of one text by its length, with the embedded model and one request at a time.

    The speed of a host can change within seconds. The rounds of the lengths therefore alternate, and `relative` is the
    median, over the rounds, of the CPU time per character divided by the mean of all lengths in the same round.
    """
    sources = {chars: bodies(chars) for chars in LENGTHS}
    rounds: list[dict[int, tuple[float, float]]] = []
    with ours("embedded", model=embedded_model()) as service:
        closed_loop(service.port, bodies(1000), 1, 2.0)
        for _ in range(2 * options.rounds):
            rounds.append({chars: _per_1000(service, sources[chars], chars) for chars in LENGTHS})
    means = [sum(cpu_ms for _, cpu_ms in found.values()) / len(found) for found in rounds]
    return [
        {
            "chars": chars,
            "requests": len(rounds) * _requests(chars),
            "ms_per_1000": _rounded(median(found[chars][0] for found in rounds)),
            "cpu_ms_per_1000": _rounded(median(found[chars][1] for found in rounds)),
            "relative": round(median(found[chars][1] / mean for found, mean in zip(rounds, means, strict=True)), 3),
        }
        for chars in LENGTHS
    ]


def _requests(chars: int) -> int:
    return max(1, _LENGTH_CHARS // chars)


def _per_1000(service: Contender, source: Iterator[bytes], chars: int) -> tuple[float, float]:
    """Return the latency and the CPU time of texts of one length, in milliseconds per 1,000 characters."""
    number = _requests(chars)
    before = service.meter.cpu_s()
    found = one_by_one(service.port, [next(source) for _ in range(number)])
    cpu_ms = 1000 * (service.meter.cpu_s() - before) / number
    return found.percentile_ms(0.5) * 1000 / chars, cpu_ms * 1000 / chars


def memory(models: Models, options: Options) -> dict[str, float]:
    """Measure the memory (PSS, in MiB) of one, two and four workers with the base INT8 model, after load."""
    found: dict[str, float] = {}
    for workers in (1, 2, 4):
        with ours(f"{workers} workers", model=models.int8, RANER_WORKERS=str(workers)) as service:
            closed_loop(service.port, bodies(), 4 * CLIENTS, 2 * options.seconds)
            found[str(workers)] = round(service.meter.memory_mib(), 1)
    return found


def cache(_models: Models, options: Options) -> dict[str, float | None]:
    """Measure cached responses: requests per second, and per CPU that the service used."""
    rates: list[tuple[float, float]] = []
    with ours("embedded", model=embedded_model(), RANER_CACHE_URL="memory://") as service:
        source = repeated_bodies()
        closed_loop(service.port, source, CLIENTS, 2.0)
        for _ in range(options.rounds):
            before = service.meter.cpu_s()
            found = closed_loop(service.port, source, CLIENTS, options.seconds)
            rates.append((found.ok_per_s, found.total / max(service.meter.cpu_s() - before, 1e-9)))
    per_s, per_cpu = (median(rate[index] for rate in rates) for index in (0, 1))
    return {"per_s": _rounded(per_s), "per_cpu_s": _rounded(per_cpu)}


PARTS: dict[str, Callable[[Models, Options], Any]] = {
    "compare": compare,
    "sustained": sustained,
    "ladder": ladder,
    "overload": overload,
    "length": length,
    "memory": memory,
    "cache": cache,
}


def _settings(models: Models, options: Options) -> dict[str, dict[str, Any]]:
    """The variants of the service, by name: precision, engine, workers, cache."""
    found: dict[str, dict[str, Any]] = {}
    for precision, model in (("INT8", models.int8), ("FP32", models.fp32)):
        for engine in engines():
            for workers in (2, 1):
                if options.quick and (workers == 1 or precision == "FP32") and engine != "onnxruntime":
                    continue
                variables = {"model": model, "RANER_ENGINE": engine, "RANER_WORKERS": str(workers)}
                found[f"{precision}, {engine}, {workers} worker{'s' * (workers > 1)}"] = variables
    cached = {"model": models.int8, "RANER_WORKERS": "2", "RANER_CACHE_URL": "memory://"}
    return {**found, "INT8, 2 workers, cached": cached}


def _measure(contender: Contender, source: Iterator[bytes], seconds: float) -> Row:
    before = contender.meter.cpu_s()
    # More clients would not get more responses from two pipelines, but wait longer than the measurement lasts.
    clients = _FEW_CLIENTS if contender.name in (DESIGN, VARIANT) else CLIENTS
    found = closed_loop(contender.port, source, clients, seconds)
    used = contender.meter.cpu_s() - before
    cpu_ms = 1000 * used / found.total
    row = Row(
        contender=contender.name,
        clients=clients,
        per_s=round(found.ok_per_s, 2),
        times_design=1.0,
        p50_ms=_rounded(found.percentile_ms(0.5)),
        p99_ms=_rounded(found.percentile_ms(0.99)),
        cpu_ms=round(cpu_ms, 3),
        cpus=round(found.statuses.total() / found.seconds * cpu_ms / 1000, 2),
        mib=round(contender.meter.memory_mib(), 1),
        failures=found.statuses.total() - found.statuses[OK],
    )
    contender.settle()
    return row


def _median(rows: list[Row]) -> Row:
    names = ("per_s", "times_design", "p50_ms", "p99_ms", "cpu_ms", "cpus", "mib", "failures")
    known = {name: [value for row in rows if (value := getattr(row, name)) is not None] for name in names}
    return replace(rows[0], **{name: median(values) if values else None for name, values in known.items()})


def _rounded(value: float) -> float | None:
    # JSON has no NaN.
    return None if math.isnan(value) else float(f"{value:.4g}")
