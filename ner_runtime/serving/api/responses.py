"""Models of all JSON responses, and their serialization. OpenAPI, the handler and the load test use them.

A span may contain lone surrogates. UTF-8 cannot encode them, so they are written as JSON escapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import PydanticSerializationError

from ner_runtime.entities import Entity, EntitySource, utf16_offsets
from ner_runtime.json import to_json
from ner_runtime.manifest import Agreement, Precision, Source

OffsetUnit = Literal["code_point", "utf16"]

# The encoder holds the interpreter lock, so long lists are encoded in parts to let other threads run in between.
_ENTITIES_PER_PART = 256


class _Response(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    def to_bytes(self) -> bytes:
        """Return the response as compact JSON in UTF-8, without the fields that were not set."""
        try:
            return self.__pydantic_serializer__.to_json(self, exclude_unset=True)
        except PydanticSerializationError:
            return to_json(self.model_dump(mode="python", exclude_unset=True))


class EntityItem(_Response):
    """An entity in a response."""

    type: str
    span: str = Field(description="The entity as it stands in the text.", json_schema_extra={"minLength": 1})
    start_offset: int = Field(ge=0)
    end_offset: int = Field(ge=1, description="Exclusive.")
    score: float = Field(ge=0, le=1, description="The CRF's marginal probability of the span.")
    color: str = Field(description="The colour of the type.")
    source: EntitySource = Field(description="Whether the model found the entity, or a lexicon determines it.")


class Timings(_Response):
    """Durations in milliseconds."""

    total: float = Field(ge=0, description="From the arrival of the request to the response.")
    queue: float = Field(ge=0, description="From the arrival of the request to the start of inference.")
    inference: float = Field(ge=0, description="From the start of inference to the response.")


class Meta(_Response):
    """Details of how the response was computed."""

    model: str
    version: str
    precision: Precision
    windows: int = Field(ge=0, description="Windows that the texts were split into.")
    cached: bool = Field(description="Whether every text was in the cache.")
    offset_unit: OffsetUnit
    timings_ms: Timings


class ErrorItem(_Response):
    """What went wrong: a stable code for programs, a message for people."""

    code: str
    message: str


class ErrorResponse(_Response):
    """Body of every error response."""

    success: Literal[False]
    error: ErrorItem


class NerResponse(_Response):
    """Body of a successful `POST /ner`."""

    success: Literal[True]
    data: list[EntityItem]
    meta: Meta


class NerBatchResponse(_Response):
    """Body of a successful `POST /ner/batch`."""

    success: Literal[True]
    data: list[list[EntityItem] | None] = Field(
        description="The entities of each text, in order; null for a text that is listed in `errors`."
    )
    errors: dict[str, ErrorItem] = Field(description="What is wrong with a text, by the index of the text.")
    meta: Meta


class LimitsItem(_Response):
    """Limits of requests."""

    max_chars: int = Field(description="Maximum code points in one text.")
    max_texts: int = Field(description="Maximum texts in one batch request.")
    max_body_bytes: int = Field(description="Maximum bytes of one request body.")
    max_concurrency: int = Field(description="Maximum requests in flight in each worker.")
    timeout_s: float = Field(description="Maximum seconds for a body to arrive, and for the response to be ready.")


class UpdateItem(_Response):
    """The last model update of the worker."""

    state: Literal["done", "failed"]
    tag: str = Field(description="The model to serve, as configured.")
    reason: str | None = Field(description="Why the update failed.")
    time: str = Field(description="ISO 8601 in UTC.")


class ModelDescription(_Response):
    """The model that a worker serves, and the worker's configuration."""

    name: str
    version: str
    source: Source
    types: list[str]
    default_types: list[str] = Field(description="The types of a response if the request names none.")
    colors: dict[str, str]
    precision: Precision
    agreement: Agreement | None = Field(description="Measured agreement of the INT8 model with the FP32 model.")
    engine: str
    device: str
    workers: int
    threads: int = Field(description="Threads of one inference.")
    limits: LimitsItem


class ModelState(ModelDescription):
    """A served model and its last update."""

    update: UpdateItem | None = Field(default=None, description="Absent before the first update.")


class ModelResponse(ModelState):
    """Body of `GET /model`."""

    success: Literal[True]


class ModelItem(ModelState):
    """One of the served models."""

    id: str = Field(description="What a request sends as `model` to select this model.")


class ModelsResponse(_Response):
    """Body of `GET /models`."""

    success: Literal[True]
    default: str = Field(description="The `id` of the model that handles requests without `model`.")
    models: list[ModelItem]


_ENTITY_ITEMS = TypeAdapter(list[EntityItem])
_NO_DATA = b'"data":[]'


def with_data(response: NerResponse | NerBatchResponse, data: bytes) -> bytes:
    """Return a response as JSON, with its empty `data` replaced by the argument `data`, a JSON array."""
    # Only `success` precedes `data`, so the first match cannot be in user text.
    return response.to_bytes().replace(_NO_DATA, b'"data":' + data, 1)


def entities_json(text: str, entities: Sequence[Entity], colors: Mapping[str, str], unit: OffsetUnit) -> bytes:
    """Return the entities of a text as a JSON array of `EntityItem`s.

    Args:
        text: the text
        entities: entities of the text, with offsets in code points
        colors: the colour of each type
        unit: unit of the offsets in the response
    """
    offsets = utf16_offsets(text) if unit == "utf16" and entities else range(len(text) + 1)
    parts = (
        _encode(
            [
                EntityItem(
                    type=entity.type,
                    span=entity.span,
                    start_offset=offsets[entity.start],
                    end_offset=offsets[entity.end],
                    score=round(entity.score, 6),
                    color=colors[entity.type],
                    source=entity.source,
                )
                for entity in entities[first : first + _ENTITIES_PER_PART]
            ]
        )[1:-1]
        for first in range(0, len(entities), _ENTITIES_PER_PART)
    )
    return b"[" + b",".join(parts) + b"]"


def _encode(items: list[EntityItem]) -> bytes:
    try:
        return _ENTITY_ITEMS.dump_json(items)
    except PydanticSerializationError:
        return to_json(_ENTITY_ITEMS.dump_python(items))
