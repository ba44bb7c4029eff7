"""The part of the `raner` command that is about models: `import`, `pull`, `models`, `use`.

The standard output is data: a tag, or the list of models. All else, progress included, goes to the standard error.
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
from rich.console import Console
from rich.filesize import decimal
from rich.table import Column, Table
from rich.text import Text

from ner_runtime.embedded import embedded_model
from ner_runtime.errors import InputError
from ner_runtime.json import to_json
from ner_runtime.manifest import Manifest, Precision, read_manifest, verify_files
from ner_runtime.models.registry.active import active_reference, set_active
from ner_runtime.settings import EMBEDDED_MODEL

if TYPE_CHECKING:
    from ner_runtime.models.acquire.importer import Taken
    from ner_runtime.models.acquire.progress import Progress
    from ner_runtime.models.registry.store import StoredModel

_PIPE_WIDTH = 4096

app = typer.Typer()

Name = Annotated[
    str | None, typer.Option("--name", metavar="N", help="The name to store it under; by default the source's.")
]
Precisions = Annotated[
    str, typer.Option("--precision", metavar="int8|fp32", help="int8: fp32 is kept all the same where they disagree.")
]


@app.command("import")
def import_checkpoint(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A RaNER as ModelScope publishes it.")],
    name: Name = None,
    precision: Precisions = "int8",
    use: Annotated[bool, typer.Option("--use/--no-use", help="Make it the active model.")] = False,
) -> None:
    """Take a checkpoint on disk into the store: export, INT8, comparison; prints its tag."""
    chosen = _precision(precision)
    with _long_work() as progress:
        from ner_runtime.models.acquire.importer import import_directory

        taken = import_directory(directory, progress, name=name, precision=chosen)
        _tell(taken, progress, use)
    typer.echo(taken.model.tag)


@app.command()
def pull(
    model_id: Annotated[str, typer.Argument(metavar="MODEL_ID", help="owner/name at ModelScope.")],
    revision: Annotated[str | None, typer.Option(metavar="R", help="A branch or a tag; by default master.")] = None,
    name: Name = None,
    precision: Precisions = "int8",
    use: Annotated[bool, typer.Option("--use/--no-use", help="Make it the active model.")] = True,
) -> None:
    """Take a checkpoint at the hub into the store and make it the active model; prints its tag."""
    chosen = _precision(precision)
    with _long_work() as progress:
        from ner_runtime.models.acquire.importer import pull_model

        taken = pull_model(model_id, progress, revision=revision, name=name, precision=chosen)
        _tell(taken, progress, use)
    typer.echo(taken.model.tag)


def console() -> Console:
    """The terminal; where there is none, wide enough for whoever cuts the columns out of a table."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the models in the store; * marks the active one."""
    from ner_runtime.models.registry.store import stored_models

    active = active_reference()
    rows = [_embedded(), *(_as_dict(model) for model in stored_models())]
    for row in rows:
        row["active"] = row["tag"] == active
    if as_json:
        sys.stdout.buffer.write(to_json(rows) + b"\n")
        return
    table = Table("", Column("model", no_wrap=True), "types", "precision", "size", "source", "imported", box=None)
    for row in rows:
        table.add_row(*map(Text, _cells(row)))
    console().print(table)


@app.command()
def use(
    reference: Annotated[str, typer.Argument(metavar="TAG", help="A stored tag or name, a hub id, or `embedded`.")],
) -> None:
    """Choose the active model: what is served where RANER_MODEL names no other. Running services follow."""
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
def _long_work() -> Generator[Progress]:
    """Progress for a block that others print in and that may be told to stop."""
    from ner_runtime.models.acquire.progress import Progress

    # As Ctrl-C does, so that what is under way is cleared away.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with redirect_stdout(sys.stderr):
            yield Progress()
    except OSError as error:
        raise InputError(f"{error.filename or 'a file'} cannot be used: {error.strerror or error}") from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(taken: Taken, progress: Progress, use_it: bool) -> None:
    tag = taken.model.tag
    progress.say(f"{tag} is in the store" if taken.new else f"{tag} was in the store already; nothing to do")
    if use_it:
        set_active(tag)
        progress.say(f"{tag} is the active model now")
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
