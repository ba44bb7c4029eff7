"""Check responses. A wrong response raises `WrongResponse` and makes the run fail.

The offsets must match the text in the offset unit of the request, the same text must get the same entities every time,
and entities that are easy to find must be found. Error messages never quote the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ner_runtime.serving.api.responses import (
    EntityItem,
    ErrorResponse,
    Meta,
    NerBatchResponse,
    NerResponse,
    OffsetUnit,
    RedactResponse,
    Timings,
)

EntityKey = tuple[str, int, int]
"""Type, start and end of an entity; offsets in code points, end exclusive."""


class WrongResponse(Exception):
    """A response is wrong; the message says why."""


_WIDTHS: Mapping[OffsetUnit, int] = {"code_point": 4, "utf16": 2}
"""Bytes of an offset unit in `_units`."""
_ENCODINGS: Mapping[OffsetUnit, str] = {"code_point": "utf-32-le", "utf16": "utf-16-le"}

_Response = TypeVar("_Response", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """The fields of a request other than the text."""

    types: frozenset[str]
    unit: OffsetUnit = "code_point"


@dataclass
class PreviousEntities:
    """Remembers the entities of earlier responses, by model version, text and entity type."""

    _found: dict[tuple[str, str, str], frozenset[EntityKey]] = field(
        default_factory=dict[tuple[str, str, str], frozenset[EntityKey]]
    )

    def check(self, version: str, text: str, type_: str, found: frozenset[EntityKey]) -> None:
        """Check that `found`, the entities of one type, are the same as in earlier responses to the text."""
        if self._found.setdefault((version, text, type_), found) != found:
            raise WrongResponse(f"the same text of {len(text)} characters got other {type_} entities before")


def check_ner(
    body: bytes,
    text: str,
    options: RequestOptions,
    previous: PreviousEntities,
    names: Mapping[str, Sequence[str]] | None = None,
) -> Timings:
    """Check a successful response of `POST /ner` and return its timings.

    Args:
        names: entities that must be found, by type.
    """
    response = _parse(NerResponse, body)
    _check_entities(response.data, text, options, response.meta, previous, names or {})
    return response.meta.timings_ms


def check_batch(
    body: bytes, texts: Sequence[str], errors: Mapping[int, str], options: RequestOptions, previous: PreviousEntities
) -> Timings:
    """Check a successful response of `POST /ner/batch` and return its timings.

    Args:
        errors: the expected error codes, by index of the text.
    """
    response = _parse(NerBatchResponse, body)
    if len(response.data) != len(texts):
        raise WrongResponse(f"{len(texts)} texts, {len(response.data)} results")
    codes = {int(index): item.code for index, item in response.errors.items()}
    if codes != dict(errors):
        raise WrongResponse(f"errors {codes}, not {dict(errors)}")
    for index, (text, entities) in enumerate(zip(texts, response.data, strict=True)):
        if (entities is None) != (index in errors):
            raise WrongResponse(
                f"the result of text {index} is {'null' if entities is None else 'not null, though the text is bad'}"
            )
        if entities is not None:
            _check_entities(entities, text, options, response.meta, previous, {})
    return response.meta.timings_ms


def check_redact(body: bytes, text: str, unit: OffsetUnit) -> Timings:
    """Check a successful response of `POST /redact` and return its timings: it must restore the text exactly."""
    response = _parse(RedactResponse, body)
    if response.meta.offset_unit != unit:
        raise WrongResponse(f"offsets in {response.meta.offset_unit}, not {unit}")
    before, after = _units(text, unit), _units(response.data.text, unit)
    restored = bytearray()
    end = 0
    for one in response.data.replacements:
        start, stop = one.redacted_start_offset * _WIDTHS[unit], one.redacted_end_offset * _WIDTHS[unit]
        restored += after[end:start]
        if len(restored) != one.start_offset * _WIDTHS[unit] or after[start:stop] != _units(one.replacement, unit):
            raise WrongResponse(f"the replacement at {one.start_offset} does not match its offsets")
        restored += _units(one.span, unit)
        if len(restored) != one.end_offset * _WIDTHS[unit]:
            raise WrongResponse(f"the replacement at {one.start_offset} does not match its span")
        end = stop
    if bytes(restored) + after[end:] != before:
        raise WrongResponse(f"the replacements do not restore the text of {len(text)} characters")
    return response.meta.timings_ms


def check_error(status: int, body: bytes, due_status: int, due_code: str) -> None:
    """Check an error response: its status, its shape and its code."""
    if status != due_status:
        raise WrongResponse(f"status {status}, not {due_status}")
    code = _parse(ErrorResponse, body).error.code
    if code != due_code:
        raise WrongResponse(f"error {code}, not {due_code}")


def _parse(model: type[_Response], body: bytes) -> _Response:
    try:
        return model.model_validate_json(body, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise WrongResponse(f"invalid response shape: {where}: {first['msg']}") from None


def _check_entities(
    entities: Sequence[EntityItem],
    text: str,
    options: RequestOptions,
    meta: Meta,
    previous: PreviousEntities,
    names: Mapping[str, Sequence[str]],
) -> None:
    if meta.offset_unit != options.unit:
        raise WrongResponse(f"offsets in {meta.offset_unit}, not {options.unit}")
    found = _in_code_points(entities, text, options.unit)
    for left, right in pairwise(found):
        if right[1] < left[2]:
            raise WrongResponse(f"entities overlap or are not sorted at {right[1]}")
    unwanted = {type_ for type_, _, _ in found} - options.types
    if unwanted:
        raise WrongResponse(f"types that the request does not name: {sorted(unwanted)}")
    for type_ in options.types:
        previous.check(meta.version, text, type_, frozenset(entity for entity in found if entity[0] == type_))
        spans = {text[start:end] for of_type, start, end in found if of_type == type_}
        missing = set(names.get(type_, ())) - spans
        if missing:
            raise WrongResponse(f"{len(missing)} {type_} entities that are easy to find are missing")


def _in_code_points(entities: Sequence[EntityItem], text: str, unit: OffsetUnit) -> list[EntityKey]:
    """Check that each span matches its offsets, and return the entities with offsets in code points."""
    width, units = _WIDTHS[unit], _units(text, unit)
    found: list[EntityKey] = []
    for entity in entities:
        start, end = entity.start_offset * width, entity.end_offset * width
        if not start < end <= len(units):
            raise WrongResponse(
                f"offsets {entity.start_offset} to {entity.end_offset} in a text of {len(text)} characters"
            )
        if units[start:end] != _units(entity.span, unit):
            raise WrongResponse(f"offsets {entity.start_offset} to {entity.end_offset} do not match the span")
        before = len(units[:start].decode(_ENCODINGS[unit], "surrogatepass"))
        found.append((entity.type, before, before + len(entity.span)))
    return found


def _units(text: str, unit: OffsetUnit) -> bytes:
    # surrogatepass: JSON may contain lone surrogates.
    return text.encode(_ENCODINGS[unit], "surrogatepass")
