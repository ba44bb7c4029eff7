"""Texts and annotated texts as JSON Lines: one JSON object per line.

An annotated text is `{"text": …, "entities": [{"type", "span", "start", "end", "score", "source"}]}`. In input, only
`text` and the `type`, `start` and `end` of each entity are read. Offsets count code points, end exclusive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar, cast

from ner_runtime.entities import Entity
from ner_runtime.errors import InputError, MalformedRequest
from ner_runtime.json import from_json, to_json
from ner_runtime.text_files.encodings import UTF8
from ner_runtime.text_files.lines import read_line_batches, read_lines

TEXT_FIELD = "text"

# An error message lists at most this many field names, and this many characters of each.
_NAMES = 5
_NAME_CHARS = 40

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class InputText:
    """A text to recognize, and the JSON object that contains it."""

    text: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The whole JSON object; empty if the line is plain text."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotated entity: its type, and its start and end in code points, end exclusive."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """An annotated text."""

    text: str
    spans: tuple[Annotation, ...]


def read_texts(
    path: str, *, text_field: str | None = None, plain: bool = False, encoding: str = UTF8
) -> Iterator[list[InputText]]:
    """Read the text of each line, in batches: each holds the texts that are available without waiting for more input.

    A line that begins with `{` or `[` must be a JSON object with a text; other lines are plain text. An empty line is
    an empty text.

    Args:
        path: the file; `-` is standard input
        text_field: the field of the JSON objects that holds the text, by default `text`; if given, a line of plain
            text is an error
        plain: read every line as plain text
        encoding: encoding of the file

    Raises:
        InputError: the file cannot be read, or a line is not valid; the message names the line.
    """
    for lines in read_line_batches(path, encoding):
        texts: list[InputText] = []
        for number, line in lines:
            try:
                texts.append(InputText(line) if plain else _input_text(line, text_field))
            except ValueError as error:
                # The lines before this one are recognized first.
                if texts:
                    yield texts
                raise InputError(f"{path}, line {number}: {error}") from None
        yield texts


def read_sentences(path: str, encoding: str = UTF8) -> Iterator[Sentence]:
    """Read the annotated text of each line. Empty lines are skipped.

    Raises:
        InputError: the file cannot be read, or a line is not an annotated text; the message names the line.
    """
    for number, line in read_lines(path, encoding):
        if line.strip():
            try:
                yield sentence_from(json_value(line))
            except ValueError as error:
                raise InputError(f"{path}, line {number}: {error}") from None


def entity_line(text: str, entities: Sequence[Entity], fields: Mapping[str, Any] | None = None) -> bytes:
    """Encode a text and its entities as a JSON line, without the line end.

    Args:
        text: the text
        entities: its entities
        fields: other fields of the line; `entities` is replaced, and `text` is added if it is missing
    """
    items = [entity_fields(entity) for entity in entities]
    others = {name: value for name, value in (fields or {}).items() if name != "entities"}
    return to_json({TEXT_FIELD: text, **others, "entities": items})


def entity_fields(entity: Entity) -> dict[str, Any]:
    """Return the fields of an entity as JSON values."""
    return {
        "type": entity.type,
        "span": entity.span,
        "start": entity.start,
        "end": entity.end,
        "score": round(entity.score, 6),
        "source": entity.source,
    }


def chunked(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Split items into lists of `size`; the last list may be shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def json_value(line: str) -> Any:
    """Decode the JSON of one line.

    Raises:
        ValueError: the line is not JSON.
    """
    try:
        return from_json(line.encode("utf-8", "surrogatepass"))
    except MalformedRequest as error:
        message = error.message.replace(" at line 1, column", " at column")
        raise ValueError(message) from None


def json_kind(value: object) -> str:
    """Return the kind of a JSON value for an error message, such as `an object`."""
    kinds: dict[type, str] = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        type(None): "null",
    }
    return kinds.get(type(value), "a number")


def sentence_from(value: Any) -> Sentence:
    """Make an annotated text from a JSON value.

    Raises:
        ValueError: the value does not have the form described at the top of this module.
    """
    if not isinstance(value, dict) or not isinstance(text := value.get(TEXT_FIELD), str):
        raise ValueError('not a JSON object with a "text"')
    entities: Any = value.get("entities", [])
    if not isinstance(entities, list):
        raise ValueError('"entities" is not a list')
    return Sentence(text, tuple(_annotation(text, entity) for entity in cast("list[Any]", entities)))


def annotation_in(text: str, type_: Any, start: Any, end: Any) -> Annotation:
    """Make an annotation, and check that it lies in the text.

    Raises:
        ValueError: the type or an offset is missing, or the annotation does not lie in the text.
    """
    if not isinstance(type_, str) or not type_ or type(start) is not int or type(end) is not int:
        raise ValueError("an entity needs a type, a start and an end")
    if not 0 <= start < end <= len(text):
        raise ValueError(f"an entity from {start} to {end} does not lie in a text of {len(text)} characters")
    return Annotation(type_, start, end)


def _annotation(text: str, value: Any) -> Annotation:
    if not isinstance(value, dict):
        raise ValueError("an entity is not an object")
    type_, start, end = (value.get(name) for name in ("type", "start", "end"))
    if not isinstance(type_, str) or type(start) is not int or type(end) is not int:
        raise ValueError('an entity needs a "type", a "start" and an "end"')
    annotation = annotation_in(text, type_, start, end)
    if "span" in value and value["span"] != text[start:end]:
        raise ValueError(f'the "span" of an entity is not the text from {start} to {end}')
    return annotation


def _input_text(line: str, text_field: str | None) -> InputText:
    """Return the text of a line, and its JSON object if it has one; see `read_texts`."""
    begins_json = line.lstrip().startswith(("{", "["))
    if not begins_json and (text_field is None or not line.strip()):
        return InputText(line)
    name = text_field or TEXT_FIELD
    if not begins_json:
        raise ValueError(f'plain text; --field {name} expects a JSON object with the field "{name}"')
    try:
        value = json_value(line)
    except ValueError as error:
        raise ValueError(f"{error}; use --plain to read JSON as plain text") from None
    if not isinstance(value, dict):
        raise ValueError(
            f'{json_kind(value)}; expected a JSON object with the field "{name}", or --plain to read JSON as plain text'
        )
    fields = cast("dict[str, Any]", value)
    if name not in fields:
        raise ValueError(
            f'a JSON object without the field "{name}"; it has {_listed(fields)}; name the field with --field'
        )
    if not isinstance(fields[name], str):
        raise ValueError(f'the field "{name}" is {json_kind(fields[name])}, not a string')
    try:
        # The output line repeats the fields. Python reads 1e999 as infinity, which JSON does not have.
        to_json(fields)
    except ValueError:
        raise ValueError("a number is out of range") from None
    return InputText(fields[name], fields)


def _listed(names: Iterable[str]) -> str:
    """List the first few names for an error message; long names are truncated."""
    shown = [name if len(name) <= _NAME_CHARS else f"{name[:_NAME_CHARS]}…" for name in islice(names, _NAMES)]
    return ", ".join(f'"{name}"' for name in shown) or "no fields"
