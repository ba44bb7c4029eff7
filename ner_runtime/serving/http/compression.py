"""Compression of responses, negotiated by `Accept-Encoding`. Sources: RFC 9110, 8.4 and 12.5.3; RFC 9659 for zstd."""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIN_BYTES = 1000
"""Smaller responses are not compressed."""

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 4
_TYPES = ("text/", "application/json", "application/javascript", "image/svg+xml")
_NO_BODY = (204, 304)
# Larger parts are compressed in a thread, so that they do not block the event loop.
_MAX_INLINE_BYTES = 65_536


class _Encoder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


_ENCODERS: Mapping[str, Callable[[], _Encoder]] = {
    # In order of preference.
    "zstd": lambda: zstd.ZstdCompressor(),
    "gzip": lambda: zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP),
}


def negotiate(accept_encoding: str) -> str | None:
    """Return the content coding for a response; None for an uncompressed response.

    The response is uncompressed if the client accepts no supported coding, or prefers `identity`.

    Args:
        accept_encoding: value of the `Accept-Encoding` header, such as `gzip, br;q=0.5`
    """
    if not accept_encoding or accept_encoding == "identity":
        return None
    weights = dict(_weight(part) for part in accept_encoding.lower().split(","))
    star = weights.get("*", 0.0)
    coding = max(_ENCODERS, key=lambda name: weights.get(name, star))
    weight = weights.get(coding, star)
    return coding if weight > 0 and weight >= weights.get("identity", 0.0) else None


def compressed(send: Send, method: str, accept_encoding: str) -> Send:
    """Wrap an ASGI `send` so that it compresses the response if the client accepts it.

    Args:
        send: sends the response to the client
        method: method of the request
        accept_encoding: value of the request's `Accept-Encoding` header
    """
    coding = None if method == "HEAD" else negotiate(accept_encoding)
    return send if coding is None else _Compression(send, coding).send


def _weight(part: str) -> tuple[str, float]:
    name, _, parameter = part.partition(";")
    key, _, value = parameter.partition("=")
    if key.strip() != "q":
        return name.strip(), 1.0
    try:
        return name.strip(), float(value)
    except ValueError:
        return name.strip(), 0.0


class _Compression:
    """Compresses one response."""

    def __init__(self, send: Send, coding: str) -> None:
        self._send = send
        self._coding = coding
        self._start: Message | None = None
        self._encoder: _Encoder | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_compressible(message):
            # Held back until the size of the first body part is known.
            self._start = message
        elif message["type"] != "http.response.body" or (self._start is None and self._encoder is None):
            await self._send(message)
        else:
            await self._body(message)

    async def _body(self, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            start, self._start = self._start, None
            if not more and len(body) <= MIN_BYTES:
                await self._send(start)
                await self._send(message)
                return
            self._encoder = _ENCODERS[self._coding]()
            body = await self._compress(self._encoder, body, more)
            await self._send(self._compressed_start(start, None if more else len(body)))
        elif self._encoder is not None:
            body = await self._compress(self._encoder, body, more)
        await self._send({**message, "body": body})

    async def _compress(self, encoder: _Encoder, body: bytes, more: bool) -> bytes:
        def run() -> bytes:
            return encoder.compress(body) + (b"" if more else encoder.flush())

        return run() if len(body) <= _MAX_INLINE_BYTES else await asyncio.to_thread(run)

    def _compressed_start(self, start: Message, length: int | None) -> Message:
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["content-encoding"] = self._coding
        if length is None:
            del headers["content-length"]
        else:
            headers["content-length"] = str(length)
        if (etag := headers.get("etag", "W/")).startswith('"'):
            # Weak, because the bytes differ from those of the uncompressed response, but the content does not.
            headers["etag"] = f"W/{etag}"
        return {**start, "headers": headers.raw}


def _is_compressible(start: Message) -> bool:
    headers = {name: value for name, value in start["headers"] if name in (b"content-type", b"content-encoding")}
    media_type = headers.get(b"content-type", b"").decode("latin-1")
    return b"content-encoding" not in headers and start["status"] not in _NO_BODY and media_type.startswith(_TYPES)
