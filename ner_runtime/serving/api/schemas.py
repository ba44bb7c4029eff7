"""Requests and answers of `POST /ner` and `POST /ner/batch`: their shapes, and how a body becomes a request.

A text is any sequence of code points, lone surrogates too, which pydantic's own `str` refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema

from ner_runtime.entities import Entity, utf16_offsets
from ner_runtime.errors import EmptyText, InvalidValue, MalformedRequest, RanerError, TextTooLong
from ner_runtime.json import from_json
from ner_runtime.serving.api.errors import TooManyTexts

_MAX_NAME = 40

OffsetUnit = Literal["code_point", "utf16"]


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("should be a string")
    return value


Text = Annotated[str, PlainValidator(_string), WithJsonSchema({"type": "string", "minLength": 1})]
_AnyText = Annotated[Any, WithJsonSchema({"description": "A string; anything else is answered among the errors."})]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Options(_Request):
    types: list[Text] | None = Field(
        default=None, min_length=1, description="Entity types to answer. Default: the model's default types."
    )
    offset_unit: OffsetUnit = Field(
        default="code_point",
        description="What offsets count: Unicode code points, or UTF-16 code units as JavaScript and Java do.",
    )


class NerRequest(_Options):
    """Body of `POST /ner`."""

    text: Text = Field(description="The text to read, of any length up to the service's limit.")


class NerBatchRequest(_Options):
    """Body of `POST /ner/batch`."""

    texts: list[_AnyText] = Field(min_length=1, description="The texts to read. A bad one does not cost the others.")


class EntityItem(BaseModel):
    """An entity on the wire."""

    type: str
    span: str
    start_offset: int
    end_offset: int = Field(description="Exclusive.")
    score: float = Field(ge=0, le=1, description="The CRF's marginal probability of the span.")
    color: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may hold."""

    max_chars: int
    max_texts: int


_R = TypeVar("_R", bound=_Request)


def read_ner(body: bytes, limits: Limits) -> NerRequest:
    """The request in a body of `POST /ner`.

    Raises:
        MalformedRequest, InvalidValue, EmptyText, TextTooLong
    """
    request = _validate(NerRequest, body)
    check_text(request.text, limits)
    return request


def read_ner_batch(body: bytes, limits: Limits) -> NerBatchRequest:
    """The request in a body of `POST /ner/batch`; its texts are yet to be checked, one by one.

    Raises:
        MalformedRequest, InvalidValue, TooManyTexts
    """
    request = _validate(NerBatchRequest, body)
    if len(request.texts) > limits.max_texts:
        raise TooManyTexts(f"{len(request.texts)} texts; the limit is {limits.max_texts}")
    return request


def check_text(text: object, limits: Limits) -> str:
    """The text, if it is one that may be read.

    Raises:
        InvalidValue, EmptyText, TextTooLong
    """
    if not isinstance(text, str):
        raise InvalidValue("text: should be a string")
    if not text:
        raise EmptyText("the text is empty")
    if len(text) > limits.max_chars:
        raise TextTooLong(f"the text has {len(text)} characters; the limit is {limits.max_chars}")
    return text


def _validate(model: type[_R], body: bytes) -> _R:
    try:
        value = from_json(body)
    except MalformedRequest as error:
        raise MalformedRequest(f"the body is {error.message}") from None
    if not isinstance(value, dict):
        raise InvalidValue("the body should be a JSON object")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> RanerError:
    first = error.errors(include_url=False, include_input=False)[0]
    # Field names come from the request too: an unknown one is user text and is cut short.
    where = ".".join(str(part)[:_MAX_NAME] for part in first["loc"])
    if first["type"] == "string_unicode":
        return InvalidValue("a field's name is not valid Unicode")
    if first["type"] == "too_short":
        return InvalidValue(f"{where}: should not be empty")
    message = first["msg"].removeprefix("Value error, ")
    return InvalidValue(f"{where}: {message[:1].lower()}{message[1:]}")


def entity_items(
    text: str, entities: Sequence[Entity], colors: dict[str, str], unit: OffsetUnit
) -> list[dict[str, object]]:
    """Entities of a text as `EntityItem`s, with offsets in the unit asked for."""
    offsets = utf16_offsets(text) if unit == "utf16" and entities else range(len(text) + 1)
    return [
        {
            "type": entity.type,
            "span": entity.span,
            "start_offset": offsets[entity.start],
            "end_offset": offsets[entity.end],
            "score": round(entity.score, 6),
            "color": colors[entity.type],
        }
        for entity in entities
    ]
