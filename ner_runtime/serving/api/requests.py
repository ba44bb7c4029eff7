"""Models of the request bodies of `POST /ner`, `POST /ner/batch` and `POST /redact`, and their validation.

A text is any sequence of code points, including lone surrogates, which pydantic's own `str` rejects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema

from ner_runtime.errors import EmptyText, InvalidValue, MalformedRequest, RanerError, TextTooLong
from ner_runtime.json import from_json
from ner_runtime.lexicon.user.entries import Mode
from ner_runtime.redaction.operators import MAX_OPERATORS, OPERATOR_NAMES, OperatorField
from ner_runtime.redaction.patterns import PATTERN_NAMES, PatternName
from ner_runtime.serving.api.errors import TooManyTexts, UnknownModel
from ner_runtime.serving.api.responses import OffsetUnit
from ner_runtime.settings import DEFAULT_MODEL

# Longer names of fields and models are cut in messages.
_MAX_NAME = 40
# pydantic describes every unknown field and every wrong item. Half a million of them fit into a body of 4 MB and take
# from one second to one minute, so the number of names is limited, and validation stops at the first wrong item of a
# list.
_MAX_NAMES = 1_000
_MAX_TYPES = 1_000
_MAX_PATTERNS = 100


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("should be a string")
    return value


Text = Annotated[str, PlainValidator(_string), WithJsonSchema({"type": "string", "minLength": 1})]
_Context = Annotated[str, PlainValidator(_string), WithJsonSchema({"type": "string"})]
_AnyText = Annotated[Any, WithJsonSchema({"description": "A string. Anything else is reported in `errors`."})]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LexiconEntry(_Request):
    """An entry of a lexicon in a request."""

    text: Text = Field(description="The name.")
    type: Text = Field(description="Its entity type, which the model need not know. In `forbid`, `*` is every type.")
    left: _Context = Field(default="", description="Text that must precede an occurrence directly.")
    right: _Context = Field(default="", description="Text that must follow an occurrence directly.")
    weight: float | None = Field(default=None, description="Only in `hint`: added to the emissions. Default: 2.")
    color: _Context | None = Field(default=None, description="Colour of the type, if the model does not know the type.")


_Entries = Annotated[list[LexiconEntry], Field(fail_fast=True)]


class InlineLexicon(_Request):
    """The entries of a lexicon in a request, by mode; see docs/lexicons.md."""

    prefer: _Entries = Field(
        default=[], description="Entities, unless the model finds a longer one that contains them."
    )
    force: _Entries = Field(default=[], description="Always entities.")
    forbid: _Entries = Field(default=[], description="Never entities of this type.")
    hint: _Entries = Field(default=[], description="More likely entities of this type.")

    def __len__(self) -> int:
        return len(self.prefer) + len(self.force) + len(self.forbid) + len(self.hint)

    def by_mode(self) -> list[tuple[Mode, list[LexiconEntry]]]:
        """Return the entries of each mode."""
        return [("prefer", self.prefer), ("force", self.force), ("forbid", self.forbid), ("hint", self.hint)]


class NerOptions(_Request):
    """The options of a `POST /ner` or `POST /ner/batch`."""

    types: list[Text] | None = Field(
        default=None,
        min_length=1,
        max_length=_MAX_TYPES,
        fail_fast=True,
        description="Entity types to return. Default: the model's default types.",
    )
    offset_unit: OffsetUnit = Field(
        default="code_point",
        description="What offsets count: Unicode code points, or UTF-16 code units as JavaScript and Java do.",
    )
    min_score: float = Field(
        default=0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Leave out entities of the model with a lower score. Entities of a lexicon are always returned.",
    )
    model: Text | None = Field(
        default=None, description="The `id` of a model in `GET /models`. Default: the service's default model."
    )
    lexicons: list[Text] | None = Field(
        default=None,
        max_length=16,
        description="Names of lexicons of the service, see `GET /model`. Default: those that the service uses by "
        "default; `[]`: none.",
    )
    lexicon: InlineLexicon | None = Field(
        default=None, description="A lexicon for this request. It has precedence over those of the service."
    )


class NerRequest(NerOptions):
    """Body of `POST /ner`."""

    text: Text = Field(description="The text, up to the service's limit.")


class NerBatchRequest(NerOptions):
    """Body of `POST /ner/batch`."""

    texts: list[_AnyText] = Field(
        min_length=1, description="The texts. An invalid one is reported in `errors` and does not affect the others."
    )


class RedactRequest(NerOptions):
    """Body of `POST /redact`."""

    text: Text = Field(description="The text, up to the service's limit.")
    operators: dict[str, OperatorField] = Field(
        default={},
        max_length=MAX_OPERATORS,
        description="How to replace strings, by entity type or name of the pattern. `DEFAULT` is for all others; if it "
        "is absent, they are replaced by placeholders such as `<PER_1>`.",
    )
    patterns: list[PatternName] = Field(
        default=[*PATTERN_NAMES],
        max_length=_MAX_PATTERNS,
        fail_fast=True,
        description="Numbers and addresses to replace besides the entities. Default: all; `[]`: none.",
    )


RequestBody = NerRequest | NerBatchRequest | RedactRequest
"""The validated body of a request."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits of a request.

    max_chars: maximum code points in one text
    max_texts: maximum texts in one batch
    models: names of the models
    max_lexicon_entries: maximum entries of a lexicon
    """

    max_chars: int
    max_texts: int
    models: tuple[str, ...] = (DEFAULT_MODEL,)
    max_lexicon_entries: int = 1_000


_R = TypeVar("_R", bound=_Request)


def parse_ner(body: bytes, limits: RequestLimits) -> NerRequest:
    """Parse and validate the body of a `POST /ner`.

    Raises:
        MalformedRequest, InvalidValue, UnknownModel, EmptyText, TextTooLong
    """
    request = _validate(NerRequest, body, limits)
    check_model(request.model, limits)
    check_text(request.text, limits)
    return request


def parse_ner_batch(body: bytes, limits: RequestLimits) -> NerBatchRequest:
    """Parse and validate the body of a `POST /ner/batch`. Does not validate its texts; see `check_text`.

    Raises:
        MalformedRequest, InvalidValue, UnknownModel, TooManyTexts
    """
    request = _validate(NerBatchRequest, body, limits)
    check_model(request.model, limits)
    if len(request.texts) > limits.max_texts:
        raise TooManyTexts(f"{len(request.texts)} texts; the limit is {limits.max_texts}")
    return request


def parse_redact(body: bytes, limits: RequestLimits) -> RedactRequest:
    """Parse and validate the body of a `POST /redact`.

    Raises:
        MalformedRequest, InvalidValue, UnknownModel, EmptyText, TextTooLong
    """
    request = _validate(RedactRequest, body, limits)
    check_model(request.model, limits)
    check_text(request.text, limits)
    return request


def check_model(name: str | None, limits: RequestLimits) -> None:
    """Check that the service has a model with this name. None means the default model.

    Raises:
        UnknownModel: the message lists the names.
    """
    if name is not None and name not in limits.models:
        names = ", ".join(limits.models)
        raise UnknownModel(f"unknown model {name[:_MAX_NAME]!r}; the models of this service are {names}")


def check_text(text: object, limits: RequestLimits) -> str:
    """Return the text if it is a string of an allowed length.

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


def _validate(model: type[_R], body: bytes, limits: RequestLimits) -> _R:
    try:
        value = from_json(body, _MAX_NAMES)
    except MalformedRequest as error:
        raise MalformedRequest(f"the body is {error.message}") from None
    if not isinstance(value, dict):
        raise InvalidValue("the body should be a JSON object")
    # Checked first: validating 150,000 entries, which fit into a body of 4 MB, would block the event loop for a second.
    if (entries := _lexicon_entries(value)) > limits.max_lexicon_entries:
        raise InvalidValue(f"lexicon: {entries} entries; the limit is {limits.max_lexicon_entries}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _invalid(error) from None


def _lexicon_entries(value: Mapping[str, Any]) -> int:
    lexicon = value.get("lexicon")
    modes: Iterable[object] = cast("dict[str, object]", lexicon).values() if isinstance(lexicon, dict) else ()
    return sum(len(cast("list[object]", entries)) for entries in modes if isinstance(entries, list))


def _invalid(error: ValidationError) -> RanerError:
    first = error.errors(include_url=False, include_input=False)[0]
    # The name of an unknown field is user text, so it is cut.
    where = ".".join(str(part)[:_MAX_NAME] for part in first["loc"])
    if first["type"] == "string_unicode":
        return InvalidValue("a field name is not valid Unicode")
    if first["type"] == "too_short":
        return InvalidValue(f"{where}: should not be empty")
    if first["type"].startswith("union_tag"):
        # The message of pydantic quotes the value, or speaks of a discriminator.
        return InvalidValue(f"{where}: type should be one of {', '.join(OPERATOR_NAMES)}")
    message = first["msg"].removeprefix("Value error, ")
    return InvalidValue(f"{where}: {message[:1].lower()}{message[1:]}")
