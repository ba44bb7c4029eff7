"""Checks: is an answer what it should be? Whatever is not raises `Wrong`, and a run with a wrong answer has failed.

Offsets are checked against the text, in the unit that was asked for; the same text must be answered the same way every
time, whatever else is in flight; and names that nobody would miss must be there. Messages hold no text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

OffsetUnit = Literal["code_point", "utf16"]
Found = tuple[str, int, int]
"""Type, start and end of an entity, in code points."""


class Wrong(Exception):
    """An answer is not what it should be."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Entity(_Shape):
    type: str
    span: str = Field(min_length=1)
    start_offset: int = Field(ge=0)
    end_offset: int
    score: float = Field(ge=0, le=1)
    color: str = Field(min_length=1)


class Timings(BaseModel):
    """What the service says of where the time went, in milliseconds."""

    model_config = ConfigDict(strict=True)

    total: float = Field(ge=0)
    queue: float = Field(ge=0)
    inference: float = Field(ge=0)


class _Meta(BaseModel):
    model_config = ConfigDict(strict=True)

    model: str
    version: str
    precision: str
    windows: int = Field(ge=0)
    cached: bool
    offset_unit: OffsetUnit
    timings_ms: Timings


class _ErrorItem(_Shape):
    code: str
    message: str = Field(min_length=1)


class _Answer(_Shape):
    success: Literal[True]
    data: list[_Entity]
    meta: _Meta


class _BatchAnswer(_Shape):
    success: Literal[True]
    data: list[list[_Entity] | None]
    errors: dict[str, _ErrorItem]
    meta: _Meta


class _ErrorAnswer(_Shape):
    success: Literal[False]
    error: _ErrorItem


_S = TypeVar("_S", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked beside the text."""

    types: frozenset[str]
    unit: OffsetUnit = "code_point"


@dataclass
class Memory:
    """What was found in each text before, by the version of the model that answered."""

    _found: dict[tuple[str, str, str], frozenset[Found]] = field(
        default_factory=dict[tuple[str, str, str], frozenset[Found]]
    )

    def check(self, version: str, text: str, type_: str, found: frozenset[Found]) -> None:
        """The entities of one type are the same as the last time."""
        if self._found.setdefault((version, text, type_), found) != found:
            raise Wrong(f"the same text of {len(text)} characters was answered differently before ({type_})")


def check_answer(
    body: bytes, text: str, asked: Asked, memory: Memory, names: Mapping[str, Sequence[str]] | None = None
) -> Timings:
    """A success of `POST /ner`."""
    answer = _read(_Answer, body)
    _check_entities(answer.data, text, asked, answer.meta, memory, names or {})
    return answer.meta.timings_ms


def check_batch(body: bytes, texts: Sequence[str], errors: Mapping[int, str], asked: Asked, memory: Memory) -> Timings:
    """A success of `POST /ner/batch`. `errors`: the codes that are due, by the index of the text."""
    answer = _read(_BatchAnswer, body)
    if len(answer.data) != len(texts):
        raise Wrong(f"{len(texts)} texts, {len(answer.data)} answers")
    codes = {int(index): item.code for index, item in answer.errors.items()}
    if codes != dict(errors):
        raise Wrong(f"errors {codes}, not {dict(errors)}")
    for index, (text, entities) in enumerate(zip(texts, answer.data, strict=True)):
        if (entities is None) != (index in errors):
            raise Wrong(f"text {index} is answered {'null' if entities is None else 'though it is bad'}")
        if entities is not None:
            _check_entities(entities, text, asked, answer.meta, memory, {})
    return answer.meta.timings_ms


def check_error(status: int, body: bytes, due_status: int, due_code: str) -> None:
    """An error: the right status, the one shape, the right code."""
    if status != due_status:
        raise Wrong(f"status {status}, not {due_status}")
    code = _read(_ErrorAnswer, body).error.code
    if code != due_code:
        raise Wrong(f"error {code}, not {due_code}")


def _read(shape: type[_S], body: bytes) -> _S:
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Wrong(f"the answer's shape: {where}: {first['msg']}") from None


def _check_entities(
    entities: Sequence[_Entity],
    text: str,
    asked: Asked,
    meta: _Meta,
    memory: Memory,
    names: Mapping[str, Sequence[str]],
) -> None:
    if meta.offset_unit != asked.unit:
        raise Wrong(f"offsets in {meta.offset_unit}, not {asked.unit}")
    found = _placed(entities, text, asked.unit)
    for previous, entity in pairwise(found):
        if entity[1] < previous[2]:
            raise Wrong(f"entities overlap or are not sorted at {entity[1]}")
    unasked = {type_ for type_, _, _ in found} - asked.types
    if unasked:
        raise Wrong(f"types nobody asked for: {sorted(unasked)}")
    for type_ in asked.types:
        memory.check(meta.version, text, type_, frozenset(entity for entity in found if entity[0] == type_))
        spans = {text[start:end] for of_type, start, end in found if of_type == type_}
        missing = set(names.get(type_, ())) - spans
        if missing:
            raise Wrong(f"{len(missing)} {type_} not found that nobody would miss")


def _placed(entities: Sequence[_Entity], text: str, unit: OffsetUnit) -> list[Found]:
    """The entities in code points, once each one's span is what stands there."""
    # Two bytes a unit; a code point beyond the first plane, and a lone half of one, is not decoded apart.
    encoding = "utf-16-le" if unit == "utf16" else "utf-32-le"
    width = 2 if unit == "utf16" else 4
    units = text.encode(encoding, "surrogatepass")
    found: list[Found] = []
    for entity in entities:
        start, end = entity.start_offset * width, entity.end_offset * width
        if not start < end <= len(units):
            raise Wrong(f"offsets {entity.start_offset} to {entity.end_offset} in a text of {len(text)} characters")
        if units[start:end] != entity.span.encode(encoding, "surrogatepass"):
            raise Wrong(f"offsets {entity.start_offset} to {entity.end_offset} are not those of the span")
        before = len(units[:start].decode(encoding, "surrogatepass"))
        found.append((entity.type, before, before + len(entity.span)))
    return found
