"""Decompress request bodies in steps of limited size. Sources: RFC 9110, 8.4; RFC 9659 for zstd."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from ner_runtime.errors import MalformedRequest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STEP_BYTES = 65_536
"""Maximum number of bytes that one step returns."""

_GZIP = 16 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS
_ZLIB_METHOD = 8
# Over HTTP, a zstd decoder needs no more than 8 MB of history (RFC 9659).
_ZSTD_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
# A body may consist of several streams, but each one takes time to open.
_MAX_STREAMS = 16


class _Stream(Protocol):
    """Decompresses one stream, at most `STEP_BYTES` at a time."""

    def step(self, data: bytes) -> bytes: ...

    def rest(self) -> bytes | None:
        """Return the input after the end of the stream; None if the end has not been reached."""
        ...


class _ZlibStream:
    def __init__(self, wbits: int) -> None:
        self._decoder = zlib.decompressobj(wbits)

    def step(self, data: bytes) -> bytes:
        return self._decoder.decompress(self._decoder.unconsumed_tail + data, STEP_BYTES)

    def rest(self) -> bytes | None:
        return self._decoder.unused_data if self._decoder.eof else None


class _ZstdStream:
    def __init__(self) -> None:
        self._decoder = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)

    def step(self, data: bytes) -> bytes:
        return self._decoder.decompress(data, STEP_BYTES)

    def rest(self) -> bytes | None:
        return self._decoder.unused_data if self._decoder.eof else None


def _open_deflate(data: bytes) -> _Stream:
    # "deflate" is the zlib format (RFC 9110, 8.4.1.2), but some clients send it without the zlib header.
    return _ZlibStream(zlib.MAX_WBITS if data[0] & 0x0F == _ZLIB_METHOD else _RAW_DEFLATE)


CODINGS: Mapping[str, Callable[[bytes], _Stream]] = {
    "gzip": lambda _data: _ZlibStream(_GZIP),
    "x-gzip": lambda _data: _ZlibStream(_GZIP),
    "deflate": _open_deflate,
    "zstd": lambda _data: _ZstdStream(),
}
"""The supported content codings. Each value opens a stream, given its first bytes."""


class Decompressor:
    """Decompresses one body."""

    def __init__(self, coding: str) -> None:
        """`coding`: one of `CODINGS`."""
        self._coding = coding
        self._stream: _Stream | None = None
        self._streams = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decompress the next bytes of the body, in steps of at most `STEP_BYTES`.

        Raises:
            MalformedRequest: the body is not valid for its coding.
        """
        while True:
            if self._stream is None:
                if not data:
                    return
                self._stream = self._open(data)
            try:
                step = self._stream.step(data)
            except (zlib.error, zstd.ZstdError):
                raise self._malformed() from None
            yield step
            rest = self._stream.rest()
            if rest is not None:
                data, self._stream = rest, None
            elif len(step) < STEP_BYTES:
                # All input is consumed.
                return
            else:
                data = b""

    def close(self) -> None:
        """Check that the body is complete.

        Raises:
            MalformedRequest: the body is incomplete.
        """
        if self._stream is not None:
            raise self._malformed()

    def _open(self, data: bytes) -> _Stream:
        self._streams += 1
        if self._streams > _MAX_STREAMS:
            raise self._malformed()
        return CODINGS[self._coding](data)

    def _malformed(self) -> MalformedRequest:
        return MalformedRequest(f"the body is not valid {self._coding}")
