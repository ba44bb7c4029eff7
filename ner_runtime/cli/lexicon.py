"""`raner lexicon check`, and the option `--lexicon` of other commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ner_runtime.lexicon.user.lexicon import Lexicon
from ner_runtime.lexicon.user.matches import LexiconSet

LexiconOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--lexicon",
        metavar="FILE",
        help="Apply a lexicon of names. Repeat it for several; the first one has precedence.",
        show_default=False,
    ),
]


app = typer.Typer(help="Check lexicons.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Check lexicons."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Tab-separated values or JSON lines.")],
) -> None:
    """List the faults in a lexicon file and count its entries.

    The exit code is 1 if a line is invalid or contradicts another one.
    """
    lexicon = Lexicon.from_file(file)
    for line in lexicon.report.lines():
        typer.echo(line)
    typer.echo(f"{lexicon.report.size}, digest {lexicon.digest}")
    if not lexicon.report.clean:
        raise typer.Exit(1)


def read_lexicons(files: Iterable[Path] | None) -> LexiconSet | None:
    """Read lexicon files, and report lines that are left out to standard error. Returns None if there are no files.

    Raises:
        InvalidLexicon: a file cannot be read or has no valid entry.
    """
    lexicons: Sequence[Lexicon] = [_read(file) for file in files or ()]
    return LexiconSet(lexicons) if lexicons else None


def _read(file: Path) -> Lexicon:
    lexicon = Lexicon.from_file(file)
    if not lexicon.report.clean:
        typer.echo(f"raner: {file}: {lexicon.report.summary()}", err=True)
    return lexicon
