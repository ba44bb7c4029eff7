"""`raner info`: describe a model."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ner_runtime.cli.console import console, write_json
from ner_runtime.manifest import Manifest, read_manifest
from ner_runtime.models.registry.calibration import engine_options
from ner_runtime.models.registry.resolve import resolve_model
from ner_runtime.settings import load_settings


def info(
    model: Annotated[str | None, typer.Argument(metavar="[M]", help="A directory, or a stored tag or name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print model.json.")] = False,
) -> None:
    """Describe a model: its types, size, precision and source."""
    directory = resolve_model(model or load_settings().model)
    manifest = read_manifest(directory)
    if as_json:
        write_json(manifest.model_dump(mode="json"))
        return
    table = Table(show_header=False, box=None)
    for name, value in [("directory", str(directory)), *_facts(manifest), ("engine", _engine(manifest))]:
        table.add_row(name, Text(value))
    console().print(table)


def _facts(manifest: Manifest) -> list[tuple[str, str]]:
    source, geometry, agreement = manifest.source, manifest.geometry, manifest.agreement
    facts = [
        ("name", manifest.name),
        ("version", manifest.version),
        ("source", f"{source.id} {source.revision or ''}".rstrip()),
        ("types", " ".join(manifest.types)),
        ("default types", " ".join(manifest.default_types)),
        ("encoder", f"{geometry.layers} layers x {geometry.hidden}, {geometry.positions} positions"),
        ("windows", _windowing(manifest)),
        ("precision", manifest.precision),
    ]
    if agreement:
        measured = f"{agreement.f1:.4f} on {agreement.sentences} sentences (bar {agreement.bar})"
        facts.append(("agreement with fp32", measured))
    return facts


def _engine(manifest: Manifest) -> str:
    settings = load_settings()
    options = engine_options(
        manifest,
        engine=settings.engine,
        device=settings.device,
        threads=settings.threads_per_worker,
        max_batch_tokens=settings.max_batch_tokens,
    )
    return f"{options.engine} {options.precision_hint}, batches of {options.max_batch_tokens} tokens"


def _windowing(manifest: Manifest) -> str:
    largest = manifest.window or manifest.geometry.longest
    return f"sentence by sentence, at most {largest} pieces" if manifest.by_sentence else f"at most {largest} pieces"
