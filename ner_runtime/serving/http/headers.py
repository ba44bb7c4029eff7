"""Headers of every response: security headers, and the id of the request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from secrets import token_hex

SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}

COMMON_HEADERS = [
    *((name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()),
    (b"vary", b"accept-encoding"),
]
"""Headers of every response, besides the request id."""

REQUEST_ID_HEADER = b"x-request-id"

_VALID_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def request_id(sent: str | None) -> str:
    """Return the id of a request: the one that the client sent if it is safe in a log line, or else a new one."""
    return sent if sent and _VALID_REQUEST_ID.fullmatch(sent) else token_hex(16)
