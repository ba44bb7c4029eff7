"""Bodies: how a request body is read: only as JSON in UTF-8, only up to the limit, and only for so long."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.message import Message as Headed

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive

from ner_runtime.serving.api.errors import BodyTooLarge, TimedOut, UnsupportedMediaType
from ner_runtime.serving.http.admission import InFlight

_JSON = "application/json"
_UTF8 = ("utf-8", "utf8", "")
_MAX_MEDIA_TYPE = 256
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What a body may be."""

    max_bytes: int
    timeout_s: float


def check_media_type(headers: Headers) -> None:
    """Whether the body is declared as JSON in UTF-8, as it is.

    Raises:
        UnsupportedMediaType: it is not.
    """
    declared = Headed()
    # Cut, since the parser's time grows with the square of what is sent.
    declared["content-type"] = headers.get("content-type", "")[:_MAX_MEDIA_TYPE]
    if declared.get_content_type() != _JSON or declared.get_content_charset(_UTF8[0]) not in _UTF8:
        raise UnsupportedMediaType(f"the body must be sent as Content-Type: {_JSON}, in UTF-8")
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("the body must be sent as it is, without Content-Encoding")


async def read_body(request: Request, limits: BodyLimits, in_flight: InFlight) -> bytes:
    """The whole body.

    Raises:
        BodyTooLarge: it is, or is declared to be, too large.
        TimedOut: it did not arrive in time.
        Overloaded: too much is arriving at once.
        ClientDisconnect: the client left.
    """
    too_large = BodyTooLarge(f"the body is larger than {limits.max_bytes} bytes")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > _MAX_DIGITS or int(declared) > limits.max_bytes):
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.timeout_s):
            async for chunk in request.stream():
                size += len(chunk)
                in_flight.arrived(len(chunk))
                if size > limits.max_bytes:
                    raise too_large
                chunks.append(chunk)
    except TimeoutError:
        raise TimedOut("the request did not arrive in time") from None
    finally:
        in_flight.left(size)
    return b"".join(chunks)


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once more, to whatever counts bytes behind the edge."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
