"""Options, input and output shared by several commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from ner_runtime.errors import InputError
from ner_runtime.json import to_json
from ner_runtime.manifest import read_manifest
from ner_runtime.models.registry.calibration import engine_options
from ner_runtime.models.registry.resolve import resolve_model
from ner_runtime.recognizer import Recognizer
from ner_runtime.settings import load_settings
from ner_runtime.text_files.encodings import checked_encoding

_PIPE_WIDTH = 4096

ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="M", help="A directory, a stored tag or name, or a hub id.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _encoding(name: str) -> str:
    try:
        return checked_encoding(name)
    except InputError as error:
        raise typer.BadParameter(error.message) from None


EncodingOption = Annotated[
    str,
    typer.Option("--encoding", metavar="E", callback=_encoding, help="Encoding of the file: utf-8, gb18030, utf-16, …"),
]


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # `main` handles it. The console would redirect standard output and exit with 1.
        raise BrokenPipeError from None


def console() -> Console:
    """Return a console for tables. If the output is not a terminal, the console is wide enough for all columns."""
    return _Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def write_line(line: bytes) -> None:
    """Write a line to standard output and flush it."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def write_json(value: object) -> None:
    """Write a value to standard output as one line of JSON."""
    write_line(to_json(value))


def open_recognizer(model: str | None) -> Recognizer:
    """Open a model, by default that of the service, with the engine and the number of threads from the settings."""
    settings = load_settings()
    directory = resolve_model(model or settings.default_model)
    options = engine_options(
        read_manifest(directory),
        engine=settings.engine,
        device=settings.device,
        threads=settings.threads_alone,
        max_batch_tokens=settings.max_batch_tokens,
    )
    return Recognizer.open(
        directory,
        threads=settings.threads_alone,
        device=settings.device,
        **options.model_dump(),
    )
