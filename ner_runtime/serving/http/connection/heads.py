"""Heads: what the head of a request must be like, and how large it may be.

Message framing that intermediaries may interpret differently (RFC 9112, 6.1, 11.2) is rejected, and so is a repeated
`Host` header or, in HTTP/1.1, a missing one (RFC 9112, 3.2).
"""

from __future__ import annotations

from collections.abc import Iterable

MAX_HEAD_BYTES = 65_536
"""Maximum size of a request's head: request line and headers."""

_CHECKED_HEADERS = frozenset({b"host", b"transfer-encoding"})
_VERSIONS = ("1.0", "1.1")


class RejectedHead(Exception):
    """Raised in parser callbacks to reject a request head. The parser then raises an `HttpParserError`."""


class Head:
    """The head of the latest request of a connection: whether it is still arriving, and what was seen of it."""

    __slots__ = ("_chunked", "_seen_host", "_size", "is_arriving")

    def __init__(self) -> None:
        """Start before the first request."""
        self.is_arriving = False
        self._size = 0
        self._seen_host = self._chunked = False

    def begin(self) -> None:
        """Start the head of the next request."""
        self.is_arriving = True
        self._size = 0
        self._seen_host = self._chunked = False

    def add_bytes(self, size: int) -> bool:
        """Count bytes that have arrived; return whether the head is not larger than it may be."""
        self._size += size
        return self._size <= MAX_HEAD_BYTES

    def check(self, name: bytes, value: bytes) -> None:
        """Check a header; `name` is in lower case.

        Raises:
            RejectedHead: the header is repeated, or names a transfer coding other than `chunked`.
        """
        if name not in _CHECKED_HEADERS:
            return
        if name == b"host":
            if self._seen_host:
                raise RejectedHead
            self._seen_host = True
        elif value.strip().lower() != b"chunked":
            raise RejectedHead
        else:
            self._chunked = True

    def end(self, version: str) -> None:
        """End the head of a request with this HTTP version.

        Raises:
            RejectedHead: the version is not supported, or the head lacks a header or has one that the version lacks.
        """
        unclear = self._chunked if version == "1.0" else not self._seen_host
        if version not in _VERSIONS or unclear:
            raise RejectedHead
        self.is_arriving = False


def size_of(url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Return the approximate size of a head in bytes."""
    return len(url) + sum(len(name) + len(value) for name, value in headers)


def without_upgrade(method: bytes, url: bytes, version: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a head without the headers that request an upgrade to another protocol."""
    lines = [method + b" " + url + b" HTTP/" + version.encode()]
    for name, value in headers:
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            value = b", ".join(token for token in tokens if token.lower() != b"upgrade")
        if name != b"upgrade":
            lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", b""])
