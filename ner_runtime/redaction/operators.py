"""Operators: how a found string is replaced.

replace   a placeholder such as <PER_1>, or a fixed value
mask      one character for each code point
hash      HMAC-SHA256 in hexadecimal (RFC 2104), the same for the same string and key
remove    nothing
keep      the string itself
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError, WithJsonSchema

from ner_runtime.errors import InvalidValue, UnknownType
from ner_runtime.redaction.patterns import PATTERN_NAMES

DEFAULT = "DEFAULT"
"""Name of the operator for all types that have none of their own."""
MIN_KEY_CHARS = 16
MAX_KEY_CHARS = 1024
MAX_VALUE_CHARS = 100
MAX_OPERATORS = 256
# Longer type names are cut in messages.
_MAX_NAME = 40
_MAX_KEPT = 1000


def _of_length(shortest: int, longest: int) -> PlainValidator:
    """Validate a string of a limited length. Unlike a `str` of pydantic, it may hold lone surrogates."""

    def validate(value: object) -> str:
        if not isinstance(value, str) or not shortest <= len(value) <= longest:
            length = str(longest) if shortest == longest else f"{shortest} to {longest}"
            raise ValueError(f"should be a string of length {length}")
        return value

    return PlainValidator(validate)


def _schema(shortest: int, longest: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "minLength": shortest, "maxLength": longest})


_Value = Annotated[str, _of_length(0, MAX_VALUE_CHARS), _schema(0, MAX_VALUE_CHARS)]
_Char = Annotated[str, _of_length(1, 1), _schema(1, 1)]
_Key = Annotated[str, _of_length(MIN_KEY_CHARS, MAX_KEY_CHARS), _schema(MIN_KEY_CHARS, MAX_KEY_CHARS)]


class _Operator(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Replace(_Operator):
    """Replace the string by a placeholder, or by a fixed value."""

    type: Literal["replace"] = "replace"
    value: _Value | None = Field(
        default=None,
        description="The fixed value. Default: a placeholder such as `<PER_1>`, the same for the same string.",
    )


class Mask(_Operator):
    """Replace each code point of the string."""

    type: Literal["mask"] = "mask"
    char: _Char = Field(default="*", description="The replacement of a code point.")
    keep_start: int = Field(default=0, ge=0, le=_MAX_KEPT, description="Code points to keep at the start.")
    keep_end: int = Field(
        default=0,
        ge=0,
        le=_MAX_KEPT,
        description="Code points to keep at the end. A string that would be kept as a whole is masked as a whole.",
    )


class Hash(_Operator):
    """Replace the string by its HMAC-SHA256."""

    type: Literal["hash"] = "hash"
    key: _Key | None = Field(
        default=None, repr=False, description="The key. Default: the key of the service, `RANER_REDACT_KEY`."
    )
    digits: int = Field(default=64, ge=8, le=64, description="Hexadecimal digits to write, from the first one.")


class Remove(_Operator):
    """Remove the string."""

    type: Literal["remove"] = "remove"


class Keep(_Operator):
    """Leave the string in the text."""

    type: Literal["keep"] = "keep"


Operator = Replace | Mask | Hash | Remove | Keep
OperatorField = Annotated[Operator, Field(discriminator="type")]
"""An operator as a field of a pydantic model."""
OperatorName = Literal["replace", "mask", "hash", "remove", "keep"]
OPERATOR_NAMES: tuple[OperatorName, ...] = get_args(OperatorName)

_OPERATOR: TypeAdapter[Operator] = TypeAdapter(OperatorField)


def operator_from(value: object) -> Operator:
    """Make an operator from its JSON form, such as `{"type": "mask", "keep_end": 4}`.

    Raises:
        InvalidValue: the value is not an operator.
    """
    try:
        return _OPERATOR.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"].startswith("union_tag"):
            raise InvalidValue(f"type should be one of {', '.join(OPERATOR_NAMES)}") from None
        where = ".".join(str(part)[:_MAX_NAME] for part in first["loc"])
        raise InvalidValue(f"{where}: {first['msg']}" if where else first["msg"]) from None


@dataclass(frozen=True, slots=True)
class Operators:
    """The operator of each type.

    by_type: operators by type; `DEFAULT` is for all other types, and replaces by a placeholder unless it is given
    key: key of the `hash` operators that have none of their own
    """

    by_type: Mapping[str, Operator] = field(default_factory=dict[str, Operator])
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check the keys.

        Raises:
            InvalidValue: a `hash` operator has no key.
        """
        for name, operator in self.by_type.items():
            if isinstance(operator, Hash) and not (operator.key or self.key):
                where = name[:_MAX_NAME]
                raise InvalidValue(f"operators.{where}: no key; give the operator a key or set RANER_REDACT_KEY")

    def check_types(self, known: Collection[str]) -> None:
        """Check that each operator is for a known type or a pattern.

        Args:
            known: the types of the model and of the lexicons

        Raises:
            UnknownType: an operator is for another type.
        """
        unknown = sorted(self.by_type.keys() - {DEFAULT, *known, *PATTERN_NAMES})
        if unknown:
            name = unknown[0][:_MAX_NAME]
            names = ", ".join([DEFAULT, *known, *PATTERN_NAMES])
            raise UnknownType(f"operators: unknown type {name!r}; known: {names}")

    def types(self, default: Iterable[str]) -> list[str]:
        """Return the types to replace if none are requested: the default ones, and those that have an operator."""
        default = tuple(default)
        return [*default, *(self.by_type.keys() - {*default, DEFAULT, *PATTERN_NAMES})]

    def of(self, type_: str) -> Operator:
        """Return the operator of a type."""
        return self.by_type.get(type_) or self.by_type.get(DEFAULT) or Replace()

    def hashed(self, operator: Hash, string: str) -> str:
        """Return the HMAC-SHA256 of a string with the key of the operator, else with the common key."""
        key = operator.key or self.key or ""
        digest = hmac.new(_bytes(key), _bytes(string), hashlib.sha256).hexdigest()
        return digest[: operator.digits]


def masked(operator: Mask, string: str) -> str:
    """Return a string with its code points masked. If none would be masked, all of them are."""
    start, end = operator.keep_start, len(string) - operator.keep_end
    if start >= end:
        return operator.char * len(string)
    return string[:start] + operator.char * (end - start) + string[end:]


def _bytes(string: str) -> bytes:
    # A lone surrogate has no UTF-8 form.
    return string.encode("utf-8", "surrogatepass")
