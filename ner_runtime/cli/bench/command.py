"""`raner bench`: measure throughput and latency at each layer, from the engine up to HTTP."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from ner_runtime.cli.bench.ladder import Rung, bench_engine, bench_http, bench_recognizer, bench_service
from ner_runtime.cli.console import JsonOption, ModelOption, console, write_json
from ner_runtime.models.registry.resolve import resolve_model
from ner_runtime.recognizer import Recognizer
from ner_runtime.settings import load_settings


def bench(
    model: ModelOption = None,
    url: Annotated[str | None, typer.Option(help="URL of a running service; by default, start one.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Seconds per measurement.")] = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Measure the speed of the engine, the recognizer and HTTP with one thread, on sentences of 45 characters."""
    settings = load_settings()
    directory = resolve_model(model or settings.default_model)
    recognizer = Recognizer.open(directory, threads=1, engine=settings.engine, device=settings.device)
    rungs = [
        bench_engine(directory, settings.engine, settings.device, seconds),
        *bench_recognizer(recognizer, seconds),
    ]
    with nullcontext(url) if url else bench_service(directory) as service_url:
        rungs += bench_http(service_url, seconds)
    if as_json:
        write_json([asdict(rung) for rung in rungs])
    else:
        _print(rungs)


def _print(rungs: list[Rung]) -> None:
    table = Table("rung", "sentences/s", "P50 ms", "P99 ms")
    for rung in rungs:
        table.add_row(rung.name, *(f"{x:.1f}" for x in (rung.sentences_per_s, rung.p50_ms, rung.p99_ms)))
    console().print(table)
