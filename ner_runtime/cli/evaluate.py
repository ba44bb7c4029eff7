"""`raner evaluate`: score a model on annotated texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ner_runtime.annotations.reader import Format, read_annotated_texts
from ner_runtime.cli.console import EncodingOption, JsonOption, ModelOption, console, open_recognizer, write_json
from ner_runtime.cli.lexicon import LexiconOption, read_lexicons
from ner_runtime.errors import InputError
from ner_runtime.evaluation import Tally, evaluate, known_types, read_type_map
from ner_runtime.manifest import file_sha256
from ner_runtime.text_files.encodings import UTF8
from ner_runtime.text_files.lines import STDIN


def evaluate_file(
    file: Annotated[str, typer.Argument(metavar="FILE[.gz]", help="JSON Lines, doccano, Label Studio or CoNLL.")],
    model: ModelOption = None,
    mapping: Annotated[
        str | None,
        typer.Option(
            "--map", metavar="TYPE_MAP.json#NAME", help="How the types of the file map to those of the model."
        ),
    ] = None,
    lexicon: LexiconOption = None,
    encoding: EncodingOption = UTF8,
    as_json: JsonOption = False,
) -> None:
    """Score a model on annotated texts: entity precision, recall and F1 by type."""
    type_map = read_type_map(mapping) if mapping else {}
    if type_map is None:
        typer.echo(f"raner: {mapping} does not exist; the types of the file are used as they are", err=True)
        type_map = {}
    texts = read_annotated_texts(file, encoding)
    if texts.form.format is not Format.OWN:
        typer.echo(f"raner: the format of {file} is {texts.form}", err=True)
    lexicons = read_lexicons(lexicon)
    recognizer = open_recognizer(model)
    known = known_types(recognizer, lexicons)
    tally = evaluate(recognizer, texts.sentences, type_map, lexicons)
    scored = tally.scored(known)
    unknown = sorted(set(tally.annotated) - set(scored))
    if not scored:
        raise InputError(_no_type(file, unknown, known))
    if unknown:
        typer.echo(f"raner: not scored, because the model does not know these types: {', '.join(unknown)}", err=True)
    if as_json:
        write_json(_report(tally, scored, file))
    else:
        _print_scores(tally, scored)


def _no_type(file: str, unknown: Sequence[str], known: Sequence[str]) -> str:
    if not unknown:
        return f"nothing to score: the map ignores every type of {file}"
    return f"nothing to score: {file} has the types {', '.join(unknown)}, the model {', '.join(known)}; see --map"


def _report(tally: Tally, scored: Sequence[str], file: str) -> dict[str, object]:
    overall = tally.score(scored)
    return {
        "precision": overall.precision,
        "recall": overall.recall,
        "f1": overall.f1,
        "types": {type_: asdict(tally.score([type_])) for type_ in scored},
        "sentences": tally.sentences,
        # A pipe, such as that of `<(…)`, can be read only once.
        "file_sha256": file_sha256(Path(file)) if file != STDIN and Path(file).is_file() else None,
    }


def _print_scores(tally: Tally, scored: Sequence[str]) -> None:
    table = Table("type", "precision", "recall", "F1", "entities", title=f"{tally.sentences} sentences")
    for name, types in [*((type_, [type_]) for type_ in scored), ("all", list(scored))]:
        score = tally.score(types)
        table.add_row(
            Text(name), *(f"{100 * x:.2f}" for x in (score.precision, score.recall, score.f1)), str(score.support)
        )
    console().print(table)
