"""Redacted texts as JSON objects, in the form of the response of `POST /redact`.

{"text": …, "replacements": [{"type", "span", "start_offset", "end_offset", "replacement", "redacted_start_offset",
"redacted_end_offset", "source", "operator", "score"}]}. A pattern has no `score`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from ner_runtime.entities import utf16_offsets
from ner_runtime.errors import InvalidValue
from ner_runtime.redaction.findings import FindingSource
from ner_runtime.redaction.operators import OperatorName
from ner_runtime.redaction.redaction import Redaction, Replacement


def _string(value: object) -> str:
    # Unlike pydantic's `str`, a text may hold lone surrogates.
    if not isinstance(value, str):
        raise ValueError("should be a string")
    return value


_Text = Annotated[str, PlainValidator(_string)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class _Item(_Part):
    type: _Text
    span: _Text
    start_offset: int = Field(ge=0)
    end_offset: int = Field(ge=0)
    replacement: _Text
    redacted_start_offset: int = Field(ge=0)
    redacted_end_offset: int = Field(ge=0)
    source: FindingSource
    operator: OperatorName
    score: float | None = None


class _Record(_Part):
    text: _Text
    replacements: list[_Item]


class _Meta(_Part):
    offset_unit: Literal["code_point", "utf16"] = "code_point"


def replacement_record(replacement: Replacement) -> dict[str, Any]:
    """Return a replacement as a JSON object."""
    one = replacement
    score = {} if one.score is None else {"score": round(one.score, 6)}
    return {
        "type": one.type,
        "span": one.span,
        "start_offset": one.start,
        "end_offset": one.end,
        "replacement": one.replacement,
        "redacted_start_offset": one.redacted_start,
        "redacted_end_offset": one.redacted_end,
        "source": one.source,
        "operator": one.operator,
        **score,
    }


def read_redaction(record: Mapping[str, Any]) -> Redaction:
    """Read a redacted text, or the whole response of `POST /redact`, from a JSON object.

    Raises:
        InvalidValue: the object does not have this form.
    """
    try:
        item = _Record.model_validate(record.get("data", record))
        unit = _Meta.model_validate(record.get("meta", {})).offset_unit
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidValue(f"not a redacted text: {where}: {first['msg']}") from None
    replacements = [
        Replacement(
            one.type,
            one.span,
            one.start_offset,
            one.end_offset,
            one.replacement,
            one.redacted_start_offset,
            one.redacted_end_offset,
            one.source,
            one.operator,
            one.score,
        )
        for one in item.replacements
    ]
    return Redaction(item.text, _in_code_points(item.text, replacements) if unit == "utf16" else replacements)


def _in_code_points(redacted: str, replacements: list[Replacement]) -> list[Replacement]:
    """Convert offsets from UTF-16 code units.

    Raises:
        InvalidValue: an offset is not in the text, or inside a surrogate pair.
    """
    positions = {offset: index for index, offset in enumerate(utf16_offsets(redacted))}
    converted: list[Replacement] = []
    shift = 0
    for one in sorted(replacements, key=lambda one: one.redacted_start):
        if one.redacted_start not in positions or one.redacted_end not in positions:
            raise InvalidValue("the replacements are not those of this text, or the text was changed")
        start, end = positions[one.redacted_start], positions[one.redacted_end]
        converted.append(
            replace(one, start=start + shift, end=start + shift + len(one.span), redacted_start=start, redacted_end=end)
        )
        shift += len(one.span) - (end - start)
    return converted
