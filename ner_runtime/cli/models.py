"""The commands that manage models: `raner import`, `raner pull`, `raner models`, `raner use`.

Standard output contains data only: a tag, or the list of models. Progress and messages go to standard error.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal
from rich.table import Column, Table
from rich.text import Text

from ner_runtime.cli.console import JsonOption, console, write_json
from ner_runtime.embedded import embedded_model
from ner_runtime.errors import InputError
from ner_runtime.manifest import Manifest, Precision, read_manifest, verify_files
from ner_runtime.models.registry.active import active_reference, set_active
from ner_runtime.settings import EMBEDDED_MODEL

if TYPE_CHECKING:
    from ner_runtime.models.acquire.importer import ImportResult
    from ner_runtime.models.acquire.progress import Progress
    from ner_runtime.models.registry.store import StoredModel

app = typer.Typer()

Name = Annotated[
    str | None, typer.Option("--name", metavar="N", help="The name in the store; by default that of the source.")
]
Precisions = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="int8|fp32",
        help="Precision of the weights. With int8, fp32 is kept if the two disagree too often.",
    ),
]

MinAgreement = Annotated[
    float | None,
    typer.Option(
        "--min-agreement", metavar="F", min=0.0, max=1.0, help="Lowest entity F1 of INT8 against FP32; by default 0.98."
    ),
]


@app.command("import")
def import_checkpoint(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A RaNER checkpoint in the form that ModelScope publishes.")
    ],
    name: Name = None,
    precision: Precisions = "int8",
    min_agreement: MinAgreement = None,
    use: Annotated[bool, typer.Option("--use/--no-use", help="Make the model the active one.")] = False,
) -> None:
    """Convert a checkpoint on disk to ONNX and INT8, compare it with FP32, and store it. Prints the tag."""
    chosen = _precision(precision)
    with _long_operation() as progress:
        from ner_runtime.models.acquire.importer import import_directory

        result = import_directory(directory, progress, name=name, precision=chosen, min_agreement=min_agreement)
        _report(result, progress, use)
    typer.echo(result.model.tag)


@app.command()
def pull(
    model_id: Annotated[str, typer.Argument(metavar="MODEL_ID", help="owner/name at ModelScope.")],
    revision: Annotated[str | None, typer.Option(metavar="R", help="A branch or a tag; by default master.")] = None,
    name: Name = None,
    precision: Precisions = "int8",
    min_agreement: MinAgreement = None,
    use: Annotated[bool, typer.Option("--use/--no-use", help="Make the model the active one.")] = True,
) -> None:
    """Download a checkpoint from the hub, convert and store it, and make it the active model. Prints the tag."""
    chosen = _precision(precision)
    with _long_operation() as progress:
        from ner_runtime.models.acquire.importer import pull_model

        result = pull_model(
            model_id, progress, revision=revision, name=name, precision=chosen, min_agreement=min_agreement
        )
        _report(result, progress, use)
    typer.echo(result.model.tag)


@app.command()
def models(as_json: JsonOption = False) -> None:
    """List the models in the store. * marks the active one."""
    from ner_runtime.models.registry.store import stored_models

    active = active_reference()
    rows = [_embedded(), *(_as_dict(model) for model in stored_models())]
    for row in rows:
        row["active"] = row["tag"] == active
    if as_json:
        write_json(rows)
        return
    table = Table("", Column("model", no_wrap=True), "types", "precision", "size", "source", "imported", box=None)
    for row in rows:
        table.add_row(*map(Text, _cells(row)))
    console().print(table)


@app.command()
def use(
    reference: Annotated[str, typer.Argument(metavar="TAG", help="A stored tag or name, a hub id, or `embedded`.")],
) -> None:
    """Choose the active model, served unless RANER_MODEL or RANER_MODELS is set. Running services switch to it."""
    if reference == EMBEDDED_MODEL:
        tag = EMBEDDED_MODEL
    else:
        from ner_runtime.models.registry.store import get_model

        model = get_model(reference)
        verify_files(model.directory, model.manifest)
        tag = model.tag
    set_active(tag)
    typer.echo(tag)


@contextmanager
def _long_operation() -> Generator[Progress]:
    """Show progress, keep the output of libraries off standard output, and clean up on SIGTERM."""
    from ner_runtime.models.acquire.progress import Progress

    # SIGTERM raises KeyboardInterrupt, as Ctrl-C does, so that unfinished work is removed.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with redirect_stdout(sys.stderr):
            yield Progress()
    except OSError as error:
        raise InputError(f"{error.filename or 'a file'} cannot be used: {error.strerror or error}") from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(result: ImportResult, progress: Progress, use_it: bool) -> None:
    tag = result.model.tag
    progress.say(f"{tag} is in the store" if result.new else f"{tag} is already in the store; nothing to do")
    if use_it:
        set_active(tag)
        progress.say(f"{tag} is now the active model")
    elif active_reference() != tag:
        progress.say(f"to serve it: raner use {tag}, or RANER_MODEL={tag}")


def _precision(value: str) -> Precision:
    if value == "int8" or value == "fp32":
        return value
    raise typer.BadParameter(f"{value!r} is not one of 'int8', 'fp32'.", param_hint="--precision")


def _embedded() -> dict[str, Any]:
    directory = embedded_model()
    return {"tag": EMBEDDED_MODEL, **_facts(directory, read_manifest(directory)), "imported": None}


def _as_dict(model: StoredModel) -> dict[str, Any]:
    return {"tag": model.tag, **_facts(model.directory, model.manifest), "imported": model.imported.isoformat()}


def _facts(directory: Path, manifest: Manifest) -> dict[str, Any]:
    return {
        "types": list(manifest.types),
        "precision": manifest.precision,
        "size": sum(path.stat().st_size for path in directory.iterdir() if path.is_file()),
        "source": manifest.source.model_dump(),
        "directory": str(directory),
    }


def _cells(row: dict[str, Any]) -> list[str]:
    source = row["source"]
    where = f"{source['id']}@{source['revision']}" if source["revision"] else source["id"]
    when = datetime.fromisoformat(row["imported"]).astimezone().strftime("%Y-%m-%d %H:%M") if row["imported"] else ""
    facts = [" ".join(row["types"]), row["precision"], decimal(row["size"]), where, when]
    return ["*" if row["active"] else "", row["tag"], *facts]
