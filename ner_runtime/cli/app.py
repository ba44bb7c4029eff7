"""The `raner` command. Exit codes: 0 done, 1 failed, 2 wrong usage; an error is one line on standard error."""

from __future__ import annotations

import os
import select
import sys
from io import TextIOWrapper
from typing import NoReturn, TextIO

import typer

from ner_runtime.cli import lexicon, models
from ner_runtime.cli.annotate import annotate
from ner_runtime.cli.bench.command import bench
from ner_runtime.cli.evaluate import evaluate_file
from ner_runtime.cli.info import info
from ner_runtime.cli.predict import predict
from ner_runtime.cli.redact import redact
from ner_runtime.errors import RanerError

app = typer.Typer(
    help="Find people, places and organisations in Chinese text.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command()(predict)
app.command()(redact)
app.command()(annotate)
app.command("evaluate")(evaluate_file)
app.command()(info)
app.command()(bench)
app.add_typer(lexicon.app, name="lexicon")
app.add_typer(models.app)


def main() -> None:
    """Run the command and exit."""
    if sys.stdout is None:
        _fail("the standard output is closed")
    if isinstance(sys.stdout, TextIOWrapper):
        # Tables are text; an encoding such as ASCII does not have all characters. JSON is always UTF-8.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()
    except RanerError as error:
        _fail(error.message)
    except (BrokenPipeError, SystemExit) as error:
        # Typer exits with 1 after a BrokenPipeError.
        if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
            raise
        # Not an error: the reader of the output, such as `head`, has closed the pipe. If the messages cannot be written
        # either, the command may not be complete.
        complete = _is_closed(sys.stdout) and not _is_closed(sys.stderr)
        _discard_output()
        sys.exit(0 if complete else 1)
    except OSError as error:
        _discard_output()
        _fail(f"{error.filename or 'the output'}: {error.strerror}")


def _fail(message: str) -> NoReturn:
    typer.echo(f"raner: {message}", err=True)
    sys.exit(1)


def _is_closed(stream: TextIO | None) -> bool:
    """Return whether a stream is a pipe whose reader has closed it. A stream that does not exist is none."""
    if stream is None:
        return False
    poll = select.poll()
    poll.register(stream.fileno(), 0)  # errors are always reported
    return bool(poll.poll(0))


def _discard_output() -> None:
    # Python flushes its buffer at exit, and would report the same error again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
