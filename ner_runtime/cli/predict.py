"""`raner predict`: find the entities of a text, or of each line of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated

import typer
from rich.errors import StyleSyntaxError
from rich.style import Style
from rich.table import Table
from rich.text import Text

from ner_runtime.cli.console import EncodingOption, ModelOption, console, open_recognizer, write_line
from ner_runtime.cli.lexicon import LexiconOption, read_lexicons
from ner_runtime.entities import OTHER_COLOR, Entity, type_colors
from ner_runtime.jsonl import InputText, entity_line, read_texts
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.recognizer import Recognizer
from ner_runtime.text_files.encodings import UTF8
from ner_runtime.text_files.lines import STDIN

WriteEntities = Callable[[InputText, Sequence[Entity]], None]


class Format(StrEnum):
    """Output formats of `raner predict`."""

    JSON = "json"
    TABLE = "table"


def predict(
    text: Annotated[str | None, typer.Argument(help="The text to find entities in.")] = None,
    source: Annotated[
        str | None,
        typer.Option("--input", metavar="FILE", help="Read texts from FILE, one per line; - is standard input."),
    ] = None,
    model: ModelOption = None,
    types: Annotated[str | None, typer.Option(help="Entity types to return, separated by commas.")] = None,
    output_format: Annotated[Format, typer.Option("--format", help="JSON lines, or a table per text.")] = Format.JSON,
    text_field: Annotated[
        str | None,
        typer.Option("--field", metavar="NAME", help="The field of JSON lines that holds the text; by default text."),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Read every line as plain text, even JSON.")] = False,
    lexicon: LexiconOption = None,
    encoding: EncodingOption = UTF8,
) -> None:
    """Find the entities of a text, or of each line of a file, plain or JSON.

    The other fields of a JSON input line are kept.
    """
    if (text is None) == (not source):
        raise typer.BadParameter("give either a TEXT or --input FILE")
    if plain and text_field is not None:
        raise typer.BadParameter("give either --plain or --field NAME")
    lexicons = read_lexicons(lexicon)
    recognizer = open_recognizer(model)
    wanted = [type_.strip() for type_ in types.split(",")] if types is not None else None
    batches = (
        [[InputText(text)]]
        if text is not None
        else read_texts(source or STDIN, text_field=text_field, plain=plain, encoding=encoding)
    )
    write = _table_writer(recognizer, lexicons) if output_format is Format.TABLE else _write_json_line
    for texts in batches:
        found = recognizer.recognize([one.text for one in texts], wanted, lexicon=lexicons)
        for one, entities in zip(texts, found, strict=True):
            write(one, entities)


def _write_json_line(text: InputText, entities: Sequence[Entity]) -> None:
    write_line(entity_line(text.text, entities, text.fields))


def _table_writer(recognizer: Recognizer, lexicons: LexiconSet | None) -> WriteEntities:
    terminal = console()
    colors = type_colors(recognizer.types, recognizer.manifest.colors)
    if lexicons is not None:
        colors = {**type_colors(lexicons.types, lexicons.colors), **colors}
    styles = {type_: _style(color) for type_, color in colors.items()}

    def write(_text: InputText, entities: Sequence[Entity]) -> None:
        table = Table("type", "span", "start", "end", "score", "source")
        for entity in entities:
            span = Text(entity.span.encode("utf-8", "replace").decode())
            row = (Text(entity.type), span, str(entity.start), str(entity.end), f"{entity.score:.3f}", entity.source)
            table.add_row(*row, style=styles[entity.type])
        terminal.print(table)

    return write


def _style(color: str) -> str:
    """Return the colour if terminals support it, else `OTHER_COLOR`. A model may name any CSS colour."""
    try:
        Style.parse(color)
    except StyleSyntaxError:
        return OTHER_COLOR
    return color
