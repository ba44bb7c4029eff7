"""`raner bench`: measure throughput and latency at each layer, from the engine up to HTTP."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.table import Table

from ner_runtime.cli.bench.calibration import MIN_ADVANTAGE, calibration_of, measure_engines
from ner_runtime.cli.bench.ladder import Rung, bench_engine, bench_http, bench_recognizer, bench_service
from ner_runtime.cli.console import JsonOption, ModelOption, console, write_json
from ner_runtime.manifest import read_manifest
from ner_runtime.models.registry.calibration import engine_options, write_calibration
from ner_runtime.models.registry.resolve import resolve_model
from ner_runtime.recognizer import Recognizer
from ner_runtime.settings import load_settings


def _url(url: str | None) -> str | None:
    try:
        parts = urlsplit(url or "http://localhost")
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise typer.BadParameter(f"{url!r} is not a URL such as http://localhost:3000")
    return url


def bench(
    model: ModelOption = None,
    url: Annotated[
        str | None, typer.Option(callback=_url, help="URL of a running service; by default, start one.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Seconds per measurement.")] = 5.0,
    calibrate: Annotated[
        bool, typer.Option(help="Choose the engine and the batch size for the model on this machine, and keep them.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads to calibrate for. Default: those of a worker of the service.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the speed of the engine, the recognizer and HTTP with one thread, on sentences of 45 characters."""
    settings = load_settings()
    directory = resolve_model(model or settings.default_model)
    if calibrate:
        _calibrate(directory, threads or settings.threads_per_worker, as_json=as_json)
        return
    options = engine_options(
        read_manifest(directory), engine=settings.engine, device=settings.device, threads=1, max_batch_tokens=0
    )
    recognizer = Recognizer.open(
        directory,
        threads=1,
        device=settings.device,
        **options.model_dump(),
    )
    rungs = [
        bench_engine(directory, options, settings.device, seconds),
        *bench_recognizer(recognizer, seconds),
    ]
    with nullcontext(url) if url else bench_service(directory) as service_url:
        rungs += bench_http(service_url, seconds)
    if as_json:
        write_json([asdict(rung) for rung in rungs])
    else:
        _print(rungs)


def _calibrate(directory: Path, threads: int, *, as_json: bool) -> None:
    measured = measure_engines(directory, threads)
    manifest = read_manifest(directory)
    file = write_calibration(manifest, threads, calibration_of(measured))
    auto = engine_options(manifest, engine="auto", device="cpu", threads=threads, max_batch_tokens=0).engine
    if as_json:
        rows = [
            one.options.model_dump() | {"tokens_per_s": one.tokens_per_s, "rejected": one.rejected} for one in measured
        ]
        write_json({"file": str(file), "threads": threads, "auto": auto, "engines": rows})
        return
    table = Table("engine", "precision", "tokens per batch", "tokens/s", "rejected")
    for one in measured:
        options = one.options
        row = (options.engine, options.precision_hint, str(options.max_batch_tokens), f"{one.tokens_per_s:.0f}")
        table.add_row(*row, one.rejected or "")
    console().print(table)
    advantage = f"{100 * (MIN_ADVANTAGE - 1):.0f} %"
    typer.echo(f"RANER_ENGINE=auto uses {auto}; OpenVINO is used only if it is at least {advantage} faster", err=True)
    typer.echo(f"the result for {threads} {'thread' if threads == 1 else 'threads'} is stored in {file}", err=True)


def _print(rungs: list[Rung]) -> None:
    table = Table("rung", "sentences/s", "P50 ms", "P99 ms")
    for rung in rungs:
        table.add_row(rung.name, *(f"{x:.1f}" for x in (rung.sentences_per_s, rung.p50_ms, rung.p99_ms)))
    console().print(table)
