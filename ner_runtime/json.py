"""Strict JSON encoding and decoding for requests and responses.

Output is UTF-8 with Chinese characters unescaped; lone surrogates, which UTF-8 cannot represent, are escaped. Input
that is not UTF-8 or not JSON raises `MalformedRequest`. Source: RFC 8259.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from functools import cache, partial
from typing import Any, NoReturn

from ner_runtime.errors import MalformedRequest

# `json.dumps` would make an encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_encode_escaped = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def to_json(value: object) -> bytes:
    """Encode a value as compact JSON in UTF-8."""
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        # A text can contain a lone surrogate: the escape "\ud800" is valid JSON, but has no UTF-8 form.
        return _encode_escaped(value).encode()


def from_json(body: bytes, max_names: int | None = None) -> Any:
    """Decode JSON in UTF-8; a byte order mark is ignored.

    Args:
        body: the JSON text
        max_names: maximum number of names in one JSON object; None: no limit

    Raises:
        MalformedRequest: the body is empty, not UTF-8, not JSON, or nested too deeply, or an object has too many names.
    """
    if not body:
        raise MalformedRequest("empty; expected a JSON object")
    try:
        return _decoder(max_names).decode(body.removeprefix(BOM_UTF8).decode())
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"not UTF-8: byte {error.start} cannot be decoded") from None
    except json.JSONDecodeError as error:
        # Some messages of `json` end in front of the position.
        problem = error.msg.removesuffix(" at").removesuffix(" starting")
        raise MalformedRequest(f"not JSON: {problem} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise MalformedRequest("nested too deeply") from None
    except ValueError:
        # Python refuses to convert integers with thousands of digits.
        raise MalformedRequest("not supported: a number is out of range") from None


@cache
def _decoder(max_names: int | None) -> json.JSONDecoder:
    return json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=partial(_object, max_names))


def _object(max_names: int | None, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if max_names is not None and len(pairs) > max_names:
        raise MalformedRequest(f"not supported: a JSON object has {len(pairs)} names; the limit is {max_names}")
    # RFC 8259 does not define which of two equal names counts, so two parsers could disagree about one body.
    value = dict(pairs)
    if len(value) < len(pairs):
        raise MalformedRequest("ambiguous: a name occurs twice in one JSON object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedRequest(f"not JSON: {name} is not a JSON value")
