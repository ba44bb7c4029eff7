"""The `raner` command. Exit codes: 0 done, 1 failed, 2 wrong usage; an error is one line on the standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.errors import StyleSyntaxError
from rich.style import Style
from rich.table import Table
from rich.text import Text

from ner_runtime.cli import models as model_commands
from ner_runtime.cli.ladder import bench_engine, bench_http, bench_recognizer, own_service
from ner_runtime.cli.models import console
from ner_runtime.entities import OTHER_COLOR, Entity, type_colors
from ner_runtime.errors import RanerError
from ner_runtime.evaluation import Tally, evaluate, read_type_map
from ner_runtime.json import to_json
from ner_runtime.jsonl import STDIN, entity_line, read_sentences, read_texts
from ner_runtime.manifest import Manifest, file_sha256, read_manifest
from ner_runtime.models.registry.resolve import locate_model
from ner_runtime.recognizer import Recognizer
from ner_runtime.settings import Settings, load_settings

app = typer.Typer(
    help="People, places and organisations in Chinese text.", no_args_is_help=True, pretty_exceptions_enable=False
)

app.add_typer(model_commands.app)

Model = Annotated[
    str | None, typer.Option("--model", metavar="M", help="A directory, a stored tag or name, or a hub id.")
]


class Format(StrEnum):
    """How `predict` writes its answers."""

    JSON = "json"
    TABLE = "table"


@app.command()
def predict(
    text: Annotated[str | None, typer.Argument(help="The text to read.")] = None,
    source: Annotated[
        str | None, typer.Option("--input", metavar="FILE", help="Read this file, line by line; - is standard input.")
    ] = None,
    model: Model = None,
    types: Annotated[str | None, typer.Option(help="Entity types to answer, separated by commas.")] = None,
    form: Annotated[Format, typer.Option("--format", help="JSON lines, or a table to look at.")] = Format.JSON,
) -> None:
    """Find the entities of a text, or of each line of a file, plain or JSON."""
    if (text is None) == (not source):
        raise typer.BadParameter("give either a TEXT or --input FILE")
    recognizer = _open(model)
    asked = [type_.strip() for type_ in types.split(",")] if types is not None else None
    arrivals = [[text]] if text is not None else read_texts(source or STDIN)
    write = _table_writer(recognizer) if form is Format.TABLE else _write_line
    for texts in arrivals:
        for one, entities in zip(texts, recognizer.recognize(texts, asked), strict=True):
            write(one, entities)


@app.command("evaluate")
def evaluate_file(
    file: Annotated[str, typer.Argument(metavar="FILE.jsonl[.gz]", help="Annotated texts, as JSON lines.")],
    model: Model = None,
    mapping: Annotated[
        str | None,
        typer.Option("--map", metavar="TYPE_MAP.json#NAME", help="How the file's types map to the model's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score a model on annotated texts: entity precision, recall and F1 by type."""
    type_map = read_type_map(mapping) if mapping else {}
    if type_map is None:
        typer.echo(f"raner: there is no map {mapping}; the file's types are taken as they are", err=True)
        type_map = {}
    recognizer = _open(model)
    tally = evaluate(recognizer, read_sentences(file), type_map)
    scored = tally.scored(recognizer.types)
    unknown = sorted(set(tally.annotated) - set(scored))
    if unknown:
        typer.echo(f"raner: not scored, since the model does not know them: {', '.join(unknown)}", err=True)
    if as_json:
        _write_bytes(to_json(_report(tally, scored, file)))
    else:
        _print_scores(tally, scored)


@app.command()
def info(
    model: Annotated[str | None, typer.Argument(metavar="[M]", help="A directory, a stored tag or name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print model.json.")] = False,
) -> None:
    """Say what a model is: its types, size, precision and source."""
    directory = locate_model(model or load_settings().model)
    manifest = read_manifest(directory)
    if as_json:
        _write_bytes(to_json(manifest.model_dump(mode="json")))
        return
    table = Table(show_header=False, box=None)
    for name, value in [("directory", str(directory)), *_facts(manifest)]:
        table.add_row(name, Text(value))
    console().print(table)


@app.command()
def bench(
    model: Model = None,
    url: Annotated[str | None, typer.Option(help="A running service; without it, one is started.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time for each rung.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the ladder on sentences of 45 characters, one thread: engine, recognizer, HTTP."""
    settings = load_settings()
    directory = locate_model(model or settings.model)
    recognizer = Recognizer.open(directory, threads=1, engine=settings.engine, device=settings.device)
    rungs = [
        bench_engine(directory, settings.engine, settings.device, seconds),
        *bench_recognizer(recognizer, seconds),
    ]
    with nullcontext(url) if url else own_service({"RANER_MODEL": str(directory)}) as service:
        rungs += bench_http(service, seconds)
    if as_json:
        _write_bytes(to_json([asdict(rung) for rung in rungs]))
        return
    table = Table("rung", "sentences/s", "P50 ms", "P99 ms")
    for rung in rungs:
        table.add_row(rung.name, *(f"{x:.1f}" for x in (rung.sentences_per_s, rung.p50_ms, rung.p99_ms)))
    console().print(table)


def main() -> None:
    """Run the command and exit."""
    if sys.stdout is None:
        _fail("the standard output is closed")
    try:
        try:
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()
    except RanerError as error:
        _fail(error.message)
    except BrokenPipeError:
        # Whoever read the output has gone; nothing is wrong here.
        _let_go_of_output()
        sys.exit(0)
    except OSError as error:
        _let_go_of_output()
        _fail(f"{error.filename or 'the output'}: {error.strerror}")


def _fail(message: str) -> NoReturn:
    typer.echo(f"raner: {message}", err=True)
    sys.exit(1)


def _let_go_of_output() -> None:
    # Python writes what is still in its buffer when it ends, and would complain a second time.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open(model: str | None) -> Recognizer:
    settings: Settings = load_settings()
    return Recognizer.open(
        locate_model(model or settings.model),
        threads=settings.threads_alone,
        engine=settings.engine,
        device=settings.device,
        max_batch_tokens=settings.max_batch_tokens,
    )


def _write_bytes(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _write_line(text: str, entities: Sequence[Entity]) -> None:
    _write_bytes(entity_line(text, entities))


def _table_writer(recognizer: Recognizer) -> Callable[[str, Sequence[Entity]], None]:
    terminal = console()
    colors = type_colors(recognizer.types, recognizer.manifest.colors)
    styles = {type_: _style(color) for type_, color in colors.items()}

    def write(_text: str, entities: Sequence[Entity]) -> None:
        table = Table("type", "span", "start", "end", "score")
        for entity in entities:
            span = Text(entity.span.encode("utf-8", "replace").decode())
            row = (Text(entity.type), span, str(entity.start), str(entity.end), f"{entity.score:.3f}")
            table.add_row(*row, style=styles[entity.type])
        terminal.print(table)

    return write


def _style(color: str) -> str:
    """A model's colour, which may be any of CSS, if a terminal has it too."""
    try:
        Style.parse(color)
    except StyleSyntaxError:
        return OTHER_COLOR
    return color


def _report(tally: Tally, scored: Sequence[str], file: str) -> dict[str, object]:
    overall = tally.score(scored)
    return {
        "precision": overall.precision,
        "recall": overall.recall,
        "f1": overall.f1,
        "types": {type_: asdict(tally.score([type_])) for type_ in scored},
        "sentences": tally.sentences,
        "file_sha256": None if file == STDIN else file_sha256(Path(file)),
    }


def _print_scores(tally: Tally, scored: Sequence[str]) -> None:
    table = Table("type", "precision", "recall", "F1", "entities", title=f"{tally.sentences} sentences")
    for name, types in [*((type_, [type_]) for type_ in scored), ("all", list(scored))]:
        score = tally.score(types)
        table.add_row(
            Text(name), *(f"{100 * x:.2f}" for x in (score.precision, score.recall, score.f1)), str(score.support)
        )
    console().print(table)


def _reading(manifest: Manifest) -> str:
    largest = manifest.window or manifest.geometry.longest
    by = "sentence by sentence, longer clauses in" if manifest.by_sentence else "in"
    return f"{by} windows of {largest}"


def _facts(manifest: Manifest) -> list[tuple[str, str]]:
    source, geometry, agreement = manifest.source, manifest.geometry, manifest.agreement
    facts = [
        ("name", manifest.name),
        ("version", manifest.version),
        ("source", f"{source.id} {source.revision or ''}".rstrip()),
        ("types", " ".join(manifest.types)),
        ("default types", " ".join(manifest.default_types)),
        ("encoder", f"{geometry.layers} layers x {geometry.hidden}, {geometry.positions} positions"),
        ("reads", _reading(manifest)),
        ("precision", manifest.precision),
    ]
    if agreement:
        stated = f"{agreement.f1:.4f} on {agreement.sentences} sentences (bar {agreement.bar})"
        facts.append(("agreement with fp32", stated))
    return facts
