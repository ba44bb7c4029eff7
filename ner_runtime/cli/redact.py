"""`raner redact`: replace the entities and numbers of a text or of each line of a file, or put the originals back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from ner_runtime.cli.console import EncodingOption, ModelOption, open_recognizer, write_json, write_line
from ner_runtime.cli.lexicon import LexiconOption, read_lexicons
from ner_runtime.errors import InputError, InvalidValue, RanerError
from ner_runtime.jsonl import TEXT_FIELD, InputText, json_value, read_texts
from ner_runtime.redaction.operators import Operator, operator_from
from ner_runtime.redaction.patterns import PATTERN_NAMES, PatternName
from ner_runtime.redaction.records import read_redaction, replacement_record
from ner_runtime.redaction.redaction import Redaction, Replacement
from ner_runtime.redaction.redactor import Redactor
from ner_runtime.redaction.restore import restore, restore_placeholders
from ner_runtime.settings import load_settings
from ner_runtime.text_files.encodings import UTF8
from ner_runtime.text_files.lines import STDIN, read_lines

Restored = Callable[[str, Sequence[Replacement]], str]

_REPLACEMENTS = "replacements"
# The fields of a response of `POST /redact`.
_RESPONSE_FIELDS = ("success", "data", "meta")


class Format(StrEnum):
    """Output formats of `raner redact`."""

    JSON = "json"
    TEXT = "text"


def redact(
    text: Annotated[str | None, typer.Argument(help="The text to redact.")] = None,
    source: Annotated[
        str | None,
        typer.Option("--input", metavar="FILE", help="Read texts from FILE, one per line; - is standard input."),
    ] = None,
    model: ModelOption = None,
    types: Annotated[str | None, typer.Option(help="Entity types to replace, separated by commas.")] = None,
    operators: Annotated[
        list[str] | None,
        typer.Option(
            "--operator",
            metavar="TYPE=OPERATOR",
            help="How to replace a type, a pattern or DEFAULT, which is all others: replace, mask, hash, remove, keep, "
            'or a JSON object such as {"type": "mask", "keep_end": 4}. May be repeated.',
        ),
    ] = None,
    patterns: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Numbers and addresses to replace, separated by commas; an empty string: none.",
        ),
    ] = ",".join(PATTERN_NAMES),
    lexicons: LexiconOption = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="JSON lines with the list of replacements, or the redacted text only.")
    ] = Format.JSON,
    restores: Annotated[
        bool, typer.Option("--restore", help="Restore the exact original texts from the output of this command.")
    ] = False,
    restores_placeholders: Annotated[
        bool,
        typer.Option(
            "--restore-placeholders",
            help="Replace placeholders by their originals, in texts that may have changed after the redaction.",
        ),
    ] = False,
    text_field: Annotated[
        str | None,
        typer.Option("--field", metavar="NAME", help="The field of JSON lines that holds the text; by default text."),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Read every line as plain text, even JSON.")] = False,
    encoding: EncodingOption = UTF8,
) -> None:
    """Replace the entities and numbers of a text, or of each line of a file, plain or JSON.

    The other fields of a JSON input line are kept, and are not redacted. The key of the hash operator is
    RANER_REDACT_KEY.
    """
    if text_field == _REPLACEMENTS:
        raise typer.BadParameter(f"the output has its list in the field {_REPLACEMENTS}", param_hint="--field")
    if restores and restores_placeholders:
        raise typer.BadParameter("give either --restore or --restore-placeholders")
    if (restores or restores_placeholders) and (text is not None or not source):
        flag = "--restore" if restores else "--restore-placeholders"
        raise typer.BadParameter(f"{flag} takes no value; name the file with --input FILE")
    if (text is None) == (not source):
        raise typer.BadParameter("give either a TEXT or --input FILE")
    if plain and text_field is not None:
        raise typer.BadParameter("give either --plain or --field NAME")
    if restores or restores_placeholders:
        restored = restore if restores else restore_placeholders
        _restore_lines(source or STDIN, restored, text_field or TEXT_FIELD, encoding)
        return
    chosen = _operators(operators or [])
    wanted = [name.strip() for name in types.split(",")] if types is not None else None
    redactor = Redactor(
        open_recognizer(model),
        chosen,
        _patterns(patterns),
        key=load_settings().redact_key.get_secret_value(),
        lexicon=read_lexicons(lexicons),
    )
    batches = (
        [[InputText(text)]]
        if text is not None
        else read_texts(source or STDIN, text_field=text_field, plain=plain, encoding=encoding)
    )
    for texts in batches:
        for one, redaction in zip(texts, redactor.redact([one.text for one in texts], wanted), strict=True):
            if output_format is Format.TEXT:
                write_line(redaction.text.encode("utf-8", "replace"))
            else:
                write_json(_line(one, text_field or TEXT_FIELD, redaction))


def _line(text: InputText, text_field: str, redaction: Redaction) -> dict[str, Any]:
    replacements = [replacement_record(one) for one in redaction.replacements]
    return {**text.fields, text_field: redaction.text, _REPLACEMENTS: replacements}


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def _patterns(listed: str) -> list[PatternName]:
    names = _names(listed)
    known: dict[str, PatternName] = {name: name for name in PATTERN_NAMES}
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"unknown pattern {unknown[0]!r}; the patterns are {', '.join(PATTERN_NAMES)}")
    return [known[name] for name in names]


def _operators(arguments: Sequence[str]) -> dict[str, Operator]:
    operators: dict[str, Operator] = {}
    for argument in arguments:
        type_, _, operator = argument.partition("=")
        if not type_.strip() or not operator:
            raise typer.BadParameter("--operator expects TYPE=OPERATOR, such as PER=mask")
        try:
            value = json_value(operator) if operator.startswith("{") else {"type": operator}
            operators[type_.strip()] = operator_from(value)
        except (ValueError, InvalidValue) as error:
            raise typer.BadParameter(f"--operator {type_}: {error}") from None
    return operators


def _restore_lines(path: str, restored: Restored, text_field: str, encoding: str) -> None:
    for number, fields in _objects(path, encoding):
        try:
            # A line of this command has the replacements and any other fields; a response of `POST /redact` has `data`.
            is_response = "data" in fields and _REPLACEMENTS not in fields
            line = {TEXT_FIELD: fields.get(text_field), _REPLACEMENTS: fields.get(_REPLACEMENTS)}
            redaction = read_redaction(fields if is_response else line)
            original = restored(redaction.text, redaction.replacements)
        except RanerError as error:
            raise InputError(f"{path}, line {number}: {error.message}") from None
        dropped = _RESPONSE_FIELDS if is_response else (_REPLACEMENTS,)
        others = {name: value for name, value in fields.items() if name not in dropped}
        write_json({**others, text_field: original})


def _objects(path: str, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the JSON object of each line that is not empty."""
    for number, line in read_lines(path, encoding):
        if not line.strip():
            continue
        try:
            value = json_value(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
        if not isinstance(value, dict):
            raise InputError(f"{path}, line {number}: not a JSON object")
        yield number, value
