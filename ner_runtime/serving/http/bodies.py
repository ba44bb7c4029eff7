"""Request bodies: check their declared format, and read them within limits on size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from email.message import Message as MimeHeaders
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive

from ner_runtime.serving.api.errors import BodyTooLarge, TimedOut, UnsupportedMediaType
from ner_runtime.serving.api.messages import BODY_ARRIVED
from ner_runtime.serving.http.admission.limits import Admission
from ner_runtime.serving.http.decompression import CODINGS, Decompressor

_JSON = "application/json"
_UTF8 = ("utf-8", "utf8", "")
_IDENTITY = ("", "identity")
_MAX_MEDIA_TYPE = 256
_MAX_DIGITS = 18


def check_media_type(headers: Headers) -> None:
    """Check that the body is declared as JSON in UTF-8.

    Raises:
        UnsupportedMediaType: the media type or the charset is not supported.
    """
    # Cut, because the parsing time is quadratic in the length.
    if not _is_json(headers.get("content-type", "")[:_MAX_MEDIA_TYPE]):
        raise UnsupportedMediaType(f"the body must be sent as Content-Type: {_JSON}, in UTF-8")


def content_coding(headers: Headers) -> str:
    """Return the content coding of the body; empty if it has none.

    Raises:
        UnsupportedMediaType: the content coding is not supported.
    """
    if "content-encoding" not in headers:
        return ""
    # Several header lines form one list (RFC 9110, 5.2).
    codings = [coding.strip().lower() for coding in ",".join(headers.getlist("content-encoding")).split(",")]
    coding = ", ".join(coding for coding in codings if coding not in _IDENTITY)
    if coding not in ("", *CODINGS):
        raise UnsupportedMediaType(f"the Content-Encoding is not supported; allowed: {', '.join(CODINGS)}")
    return coding


@lru_cache(maxsize=16)
def _is_json(media_type: str) -> bool:
    declared = MimeHeaders()
    declared["content-type"] = media_type
    return declared.get_content_type() == _JSON and declared.get_content_charset(_UTF8[0]) in _UTF8


@dataclass(frozen=True, slots=True)
class BodyReader:
    """Reads bodies of at most `max_bytes`, also after decompression, that arrive within `timeout_s` seconds."""

    max_bytes: int
    timeout_s: float

    async def read(self, request: Request, coding: str, admission: Admission) -> bytes:
        """Read and decompress the whole body, which has the content coding `coding`.

        Raises:
            BodyTooLarge: the body or its declared length is too large.
            MalformedRequest: the body is not valid for its content coding.
            TimedOut: the body did not arrive in time.
            Overloaded: too many bytes are arriving at the same time.
            ClientDisconnect: the client disconnected.
        """
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > _MAX_DIGITS or int(declared) > self.max_bytes):
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        try:
            async with self._time_limit(request, coding):
                async for part in _decompressed(request, coding) if coding else request.stream():
                    if size + len(part) > self.max_bytes:
                        raise self._too_large()
                    size += len(part)
                    admission.add_arriving(len(part))
                    parts.append(part)
        except TimeoutError:
            raise TimedOut("the body did not arrive in time") from None
        finally:
            admission.remove_arriving(size)
        return b"".join(parts)

    def _time_limit(self, request: Request, coding: str) -> AbstractAsyncContextManager[object]:
        # Once the body has arrived, a time limit would cost more than reading it.
        has_arrived = BODY_ARRIVED in request.scope.get("state", ())
        return nullcontext() if has_arrived and not coding else asyncio.timeout(self.timeout_s)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body exceeds {self.max_bytes} bytes")


async def _decompressed(request: Request, coding: str) -> AsyncIterator[bytes]:
    decompressor = Decompressor(coding)
    async for part in request.stream():
        for step in decompressor.feed(part):
            yield step
            # Lets other requests run between the steps.
            await asyncio.sleep(0)
    decompressor.close()


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first returns `body`, which was already read, and then calls the given `receive`."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
