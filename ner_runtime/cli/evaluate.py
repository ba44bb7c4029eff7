"""`raner evaluate`: score a model on annotated texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ner_runtime.cli.console import JsonOption, ModelOption, console, open_recognizer, write_json
from ner_runtime.evaluation import Tally, evaluate, read_type_map
from ner_runtime.jsonl import STDIN, read_sentences
from ner_runtime.manifest import file_sha256


def evaluate_file(
    file: Annotated[str, typer.Argument(metavar="FILE.jsonl[.gz]", help="Annotated texts, as JSON lines.")],
    model: ModelOption = None,
    mapping: Annotated[
        str | None,
        typer.Option(
            "--map", metavar="TYPE_MAP.json#NAME", help="How the types of the file map to those of the model."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a model on annotated texts: entity precision, recall and F1 by type."""
    type_map = read_type_map(mapping) if mapping else {}
    if type_map is None:
        typer.echo(f"raner: {mapping} does not exist; the types of the file are used as they are", err=True)
        type_map = {}
    recognizer = open_recognizer(model)
    tally = evaluate(recognizer, read_sentences(file), type_map)
    scored = tally.scored(recognizer.types)
    unknown = sorted(set(tally.annotated) - set(scored))
    if unknown:
        typer.echo(f"raner: not scored, because the model does not know these types: {', '.join(unknown)}", err=True)
    if as_json:
        write_json(_report(tally, scored, file))
    else:
        _print_scores(tally, scored)


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
