"""Models of all JSON responses, and their serialization. OpenAPI, the handler and the load test use them.

A span may contain lone surrogates. UTF-8 cannot encode them, so they are written as JSON escapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import PydanticSerializationError

from ner_runtime.entities import Entity, EntitySource, utf16_offsets
from ner_runtime.json import to_json
from ner_runtime.manifest import Agreement, Precision, Source
from ner_runtime.redaction.findings import FindingSource
from ner_runtime.redaction.operators import OperatorName
from ner_runtime.redaction.redaction import Redaction

OffsetUnit = Literal["code_point", "utf16"]

# The encoder holds the interpreter lock, so long lists are encoded in parts to let other threads run in between.
_ITEMS_PER_PART = 256


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
    lexicon: str | None = Field(default=None, description="Identifies the lexicons of the request; absent: none.")
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


class ReplacementItem(_Response):
    """A replaced string in a response."""

    type: str = Field(description="The entity type, or the name of the pattern.")
    span: str = Field(description="The original, as it stands in the text.", json_schema_extra={"minLength": 1})
    start_offset: int = Field(ge=0, description="In the text as sent.")
    end_offset: int = Field(ge=1, description="Exclusive.")
    replacement: str = Field(description="The string in its place in the redacted text.")
    redacted_start_offset: int = Field(ge=0, description="In the redacted text.")
    redacted_end_offset: int = Field(ge=0, description="Exclusive.")
    source: FindingSource = Field(description="What found it.")
    operator: OperatorName = Field(description="What replaced it.")
    score: float = Field(default=0, ge=0, le=1, description="The score of the entity; absent for a pattern.")


class RedactedItem(_Response):
    """A redacted text."""

    text: str
    replacements: list[ReplacementItem] = Field(description="In the order of the text. They restore the original.")


class RedactResponse(_Response):
    """Body of a successful `POST /redact`."""

    success: Literal[True]
    data: RedactedItem
    meta: Meta


class LimitsItem(_Response):
    """Limits of requests."""

    max_chars: int = Field(description="Maximum code points in one text.")
    max_texts: int = Field(description="Maximum texts in one batch request.")
    max_body_bytes: int = Field(description="Maximum bytes of one request body.")
    max_concurrency: int = Field(description="Maximum requests in flight in each worker.")
    timeout_s: float = Field(description="Maximum seconds for a body to arrive, and for the response to be ready.")
    max_lexicon_entries: int = Field(description="Maximum entries of a lexicon in a request.")


class LexiconItem(_Response):
    """A named lexicon of the service."""

    name: str = Field(description="The name for the field `lexicons` of a request.")
    entries: int = Field(ge=0)
    digest: str | None = Field(description="Identifies the entries; null if the file was never loaded.")
    types: list[str] = Field(description="The types of the entries with the modes `prefer` and `force`.")
    bad_lines: list[int] = Field(description="The first lines of the file that are not entries.")
    duplicates: int = Field(ge=0, description="Entries that were left out because they repeat an earlier one.")
    conflicts: int = Field(ge=0, description="Entries that were left out because they contradict an earlier one.")
    one_character: int = Field(ge=0, description="Entries of one character, which also match inside longer words.")
    error: str | None = Field(description="Why the current file is not in use; null if it is.")


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
    precision_hint: str = Field(description="The precision in which OpenVINO may compute: `f32` or `bf16`.")
    max_batch_tokens: int = Field(description="Maximum tokens in one inference batch.")
    device: str
    workers: int
    threads: int = Field(description="Threads of one inference.")
    limits: LimitsItem


class ModelState(ModelDescription):
    """A served model and its last update."""

    update: UpdateItem | None = Field(default=None, description="Absent before the first update.")
    lexicons: list[LexiconItem] = Field(description="The named lexicons of the service.")


class ModelResponse(ModelState):
    """Body of `GET /model`."""

    success: Literal[True]


class ModelItem(ModelState):
    """One of the served models."""

    id: str = Field(description="The value of the field `model` with which a request selects this model.")


class ModelsResponse(_Response):
    """Body of `GET /models`."""

    success: Literal[True]
    default: str = Field(description="The `id` of the model that handles requests without `model`.")
    models: list[ModelItem]


_ENTITY_ITEMS = TypeAdapter(list[EntityItem])
_REPLACEMENT_ITEMS = TypeAdapter(list[ReplacementItem])
_NO_DATA = b'"data":[]'
_NO_REDACTION = b'"data":{"text":"","replacements":[]}'
EMPTY_REDACTION = RedactedItem(text="", replacements=[])
"""The `data` of a `RedactResponse` that `with_data` replaces."""

_Item = TypeVar("_Item", EntityItem, ReplacementItem)


def with_data(response: NerResponse | NerBatchResponse | RedactResponse, data: bytes) -> bytes:
    """Return a response as JSON, with its empty `data` replaced by the argument `data`, which is JSON."""
    empty = _NO_REDACTION if isinstance(response, RedactResponse) else _NO_DATA
    # Only `success` precedes `data`, so the first match cannot be in user text.
    return response.to_bytes().replace(empty, b'"data":' + data, 1)


def entities_json(text: str, entities: Sequence[Entity], colors: Mapping[str, str], unit: OffsetUnit) -> bytes:
    """Return the entities of a text as a JSON array of `EntityItem`s.

    Args:
        text: the text
        entities: entities of the text, with offsets in code points
        colors: the colour of each type
        unit: unit of the offsets in the response
    """
    offsets = _offsets(text, unit) if entities else ()
    items = (
        EntityItem(
            type=entity.type,
            span=entity.span,
            start_offset=offsets[entity.start],
            end_offset=offsets[entity.end],
            score=round(entity.score, 6),
            color=colors[entity.type],
            source=entity.source,
        )
        for entity in entities
    )
    return _encode(_ENTITY_ITEMS, items)


def redaction_json(text: str, redaction: Redaction, unit: OffsetUnit) -> bytes:
    """Return a redacted text as JSON, a `RedactedItem`.

    Args:
        text: the original text
        redaction: the redacted text, with offsets in code points
        unit: unit of the offsets in the response
    """
    offsets, redacted_offsets = _offsets(text, unit), _offsets(redaction.text, unit)
    items = (
        ReplacementItem(
            type=one.type,
            span=one.span,
            start_offset=offsets[one.start],
            end_offset=offsets[one.end],
            replacement=one.replacement,
            redacted_start_offset=redacted_offsets[one.redacted_start],
            redacted_end_offset=redacted_offsets[one.redacted_end],
            source=one.source,
            operator=one.operator,
            **({} if one.score is None else {"score": round(one.score, 6)}),
        )
        for one in redaction.replacements
    )
    replacements = _encode(_REPLACEMENT_ITEMS, items)
    return b'{"text":' + to_json(redaction.text) + b',"replacements":' + replacements + b"}"


def _offsets(text: str, unit: OffsetUnit) -> Sequence[int]:
    return utf16_offsets(text) if unit == "utf16" else range(len(text) + 1)


def _encode(adapter: TypeAdapter[list[_Item]], items: Iterator[_Item]) -> bytes:
    parts: list[bytes] = []
    while part := list(islice(items, _ITEMS_PER_PART)):
        try:
            parts.append(adapter.dump_json(part, exclude_unset=True)[1:-1])
        except PydanticSerializationError:
            parts.append(to_json(adapter.dump_python(part, exclude_unset=True))[1:-1])
    return b"[" + b",".join(parts) + b"]"
