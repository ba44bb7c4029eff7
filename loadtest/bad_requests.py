"""Bad requests and the error response that each must get, even under load."""

from __future__ import annotations

import json
from dataclasses import dataclass

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class BadRequest:
    """A bad request with the status and the error code that its response must have."""

    name: str
    status: int
    code: str
    body: bytes = b'{"text": "x"}'
    path: str = "/ner"
    method: str = "POST"
    media_type: str = JSON


def bad_requests(max_chars: int, max_body_bytes: int) -> list[BadRequest]:
    """Return all bad requests.

    One has a text longer than `max_chars`; it is left out if its body would exceed `max_body_bytes` or 1 MB.
    """
    requests = [
        BadRequest("no JSON", 400, "malformed_request", b'{"text": "'),
        BadRequest("no UTF-8", 400, "malformed_request", '{"text": "张三"}'.encode("gb18030")),
        BadRequest("no body", 400, "malformed_request", b""),
        BadRequest("no text", 422, "invalid_value", b"{}"),
        BadRequest("a number", 422, "invalid_value", b'{"text": 42}'),
        BadRequest("unknown field", 422, "invalid_value", b'{"text": "x", "lang": "zh"}'),
        BadRequest("empty text", 422, "empty_text", b'{"text": ""}'),
        BadRequest("unknown type", 422, "unknown_type", b'{"text": "x", "types": ["NO_SUCH_TYPE"]}'),
        BadRequest("unknown model", 422, "unknown_model", b'{"text": "x", "model": "no_such_model"}'),
        BadRequest("no texts", 422, "invalid_value", b'{"texts": []}', path="/ner/batch"),
        BadRequest("a form", 415, "unsupported_media_type", b"text=x", media_type="application/x-www-form-urlencoded"),
        BadRequest("wrong method", 405, "method_not_allowed", b"", method="PUT"),
        BadRequest("wrong path", 404, "not_found", path="/no/such/path"),
    ]
    too_long = json.dumps({"text": "a" * (max_chars + 1)}).encode()
    if len(too_long) <= min(max_body_bytes, 1_000_000):
        requests.append(BadRequest("too long", 413, "text_too_long", too_long))
    return requests
