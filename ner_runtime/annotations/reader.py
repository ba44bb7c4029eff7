"""Recognize the format of a file of annotated texts, and read it.

A file that begins with `{` is JSON Lines, one that begins with `[` a JSON array; the fields of the objects tell
whether the format is that of `jsonl.py`, doccano or Label Studio. Any other file is CoNLL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from ner_runtime.annotations import doccano, label_studio
from ner_runtime.annotations.conll import is_conll, read_conll
from ner_runtime.errors import InputError, MalformedRequest
from ner_runtime.json import from_json
from ner_runtime.jsonl import Sentence, json_kind, json_value, sentence_from
from ner_runtime.text_files.encodings import UTF8
from ner_runtime.text_files.lines import Line, LineError, read_lines

Record = dict[str, Any]

# The text before an item of a valid JSON array.
_NEXT_ITEM = re.compile(r"\s*[\[,]\s*+(?!\])")


class Format(StrEnum):
    """Formats of annotated texts."""

    OWN = "JSON Lines"
    DOCCANO = "doccano"
    LABEL_STUDIO = "Label Studio"
    CONLL = "CoNLL"


@dataclass(frozen=True, slots=True)
class Form:
    """A format and its variant, such as the field that holds the annotations, or the tagging scheme."""

    format: Format
    detail: str

    def __str__(self) -> str:
        return f"{self.format} ({self.detail})"


@dataclass(frozen=True, slots=True)
class AnnotatedTexts:
    """The annotated texts of a file, and their form."""

    form: Form
    sentences: Sequence[Sentence]


def read_annotated_texts(path: str, encoding: str = UTF8) -> AnnotatedTexts:
    """Read a file of annotated texts in any of the supported formats.

    Raises:
        InputError: the file cannot be read, its format is not recognized, a line does not have this format (the message
            names the line), or the file has no annotated entity.
    """
    lines = list(read_lines(path, encoding))
    try:
        texts = _read(lines)
    except LineError as error:
        raise InputError(f"{path}, line {error.line}: {error}") from None
    except MalformedRequest as error:
        raise InputError(f"{path}: {error.message}") from None
    if not any(sentence.spans for sentence in texts.sentences):
        raise InputError(f"{path} has no annotated entity; its format is {texts.form}")
    return texts


def _read(lines: Sequence[Line]) -> AnnotatedTexts:
    number, first = next((line for line in lines if line[1].strip()), (1, ""))
    if not first:
        raise LineError(number, "the file is empty")
    # In CoNLL, a bracket may be the first token.
    if is_conll(first):
        scheme, sentences = read_conll(lines)
        return AnnotatedTexts(Form(Format.CONLL, scheme), sentences)
    if first.lstrip().startswith("{"):
        return _from_records(list(_json_lines(lines)))
    if first.lstrip().startswith("["):
        return _from_records(list(_json_array(lines)))
    raise LineError(number, "format not recognized; expected JSON Lines, doccano, Label Studio or CoNLL")


def _from_records(records: Sequence[tuple[int, Record]]) -> AnnotatedTexts:
    form: Form | None = None
    sentences: list[Sentence] = []
    for line, record in records:
        try:
            found = _form_of(record)
            if form and found and found != form:
                raise ValueError(f"{found}, but the lines before are {form}")
            form = form or found
            sentences += _sentences(record, form)
        except ValueError as error:
            raise LineError(line, str(error)) from None
    return AnnotatedTexts(form or Form(Format.OWN, "entities"), sentences)


def _form_of(record: Record) -> Form | None:
    """Return the form of an object; None if it has a text but no annotation.

    Raises:
        ValueError: the object has no text, or its annotations have none of the forms.
    """
    if label_studio.is_task(record):
        return Form(Format.LABEL_STUDIO, "tasks")
    if not isinstance(record.get("text"), str):
        raise ValueError('an object with neither a "text" nor the "data" and "annotations" of Label Studio')
    forms = [form for field in doccano.FIELDS if (form := _form_of_field(field, record.get(field)))]
    if len(forms) > 1:
        raise ValueError(f"annotations in two fields: {' and '.join(map(str, forms))}")
    return forms[0] if forms else None


def _form_of_field(field: str, value: Any) -> Form | None:
    if value is None or isinstance(value, str | int | float) or value == []:
        # A category of the text, or no annotation.
        return None
    if isinstance(value, list):
        item: Any = cast("list[Any]", value)[0]
        if doccano.is_annotation(item):
            return Form(Format.DOCCANO, field)
        if label_studio.is_region(item):
            return Form(Format.LABEL_STUDIO, field)
        if field == "entities":
            return Form(Format.OWN, field)
        raise ValueError(f'"{field}" holds {json_kind(item)}; expected annotations such as [0, 2, "PER"]')
    raise ValueError(f'"{field}" is {json_kind(value)}, not a list')


def _sentences(record: Record, form: Form | None) -> Iterator[Sentence]:
    if form is None or form.format is Format.OWN:
        yield sentence_from(record)
    elif form.format is Format.DOCCANO:
        yield doccano.sentence_from(record, form.detail)
    elif form.detail in doccano.FIELDS:
        yield label_studio.sentence_from_minimal(record, form.detail)
    else:
        yield from label_studio.sentences_from_task(record)


def _json_lines(lines: Sequence[Line]) -> Iterator[tuple[int, Record]]:
    for number, line in lines:
        if line.strip():
            try:
                yield number, _as_record(json_value(line))
            except ValueError as error:
                raise LineError(number, str(error)) from None


def _json_array(lines: Sequence[Line]) -> Iterator[tuple[int, Record]]:
    """Yield the objects of a JSON array, each with the number of the line where it begins."""
    text = "\n".join(line for _, line in lines)
    from_json(text.encode("utf-8", "surrogatepass"))
    decoder = json.JSONDecoder()
    line, position = 1, 0
    while found := _NEXT_ITEM.match(text, position):
        start = found.end()
        line += text.count("\n", position, start)
        value, position = decoder.raw_decode(text, start)
        try:
            yield line, _as_record(value)
        except ValueError as error:
            raise LineError(line, str(error)) from None
        line += text.count("\n", start, position)


def _as_record(value: Any) -> Record:
    if not isinstance(value, dict):
        raise ValueError(f"{json_kind(value)}, not a JSON object")
    return cast("Record", value)
