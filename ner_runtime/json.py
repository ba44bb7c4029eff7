"""JSON on the wire: UTF-8, Chinese as it is, and lone surrogates, which UTF-8 cannot hold, escaped.

Reading is strict: what is not UTF-8 or not JSON is one error, whatever made it so. Source: RFC 8259.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from ner_runtime.errors import MalformedRequest


def to_json(value: object) -> bytes:
    """Compact JSON in UTF-8."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:
        # A lone surrogate of the user's text: "\ud800" is valid JSON, its UTF-8 is not.
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def from_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8; a byte order mark is passed over.

    Raises:
        MalformedRequest: it is empty, not UTF-8 or not JSON, or nested too deep to be read.
    """
    if not body:
        raise MalformedRequest("empty; a JSON object is needed")
    try:
        return json.loads(
            body.decode("utf-8-sig"), parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated_names
        )
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"not UTF-8: byte {error.start} cannot be decoded") from None
    except json.JSONDecodeError as error:
        raise MalformedRequest(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise MalformedRequest("nested too deep") from None
    except ValueError:
        # A number of thousands of digits, which Python declines to convert.
        raise MalformedRequest("not JSON that can be read: a number is out of range") from None


def _refuse_repeated_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 8259 leaves open which one counts, and two readers of one body could differ.
    value = dict(pairs)
    if len(value) < len(pairs):
        raise MalformedRequest("not unambiguous: a name occurs twice in one JSON object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedRequest(f"not JSON: {name} is not a JSON value")
