"""Models of all JSON responses. OpenAPI, the handler and the load test use them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticSerializationError

from ner_runtime.entities import EntitySource
from ner_runtime.json import to_json
from ner_runtime.manifest import Agreement, Precision, Source
from ner_runtime.redaction.findings import FindingSource
from ner_runtime.redaction.operators import OperatorName

OffsetUnit = Literal["code_point", "utf16"]


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
