"""HTTP/1.1 connections byte by byte: what a client sends, and every response that comes back."""

from __future__ import annotations

import select
import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools

TIMEOUT_S = 30


@dataclass
class RawResponse:
    """A response: status, headers with names in lower case, and body."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    complete: bool = False


class RawConnection:
    """A connection to a server; it closes at the end of a `with` block."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port), TIMEOUT_S)
        # Each `send` is a segment of its own.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser = httptools.HttpResponseParser(self)
        self._responses: list[RawResponse] = []

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def send(self, *segments: bytes) -> RawConnection:
        for segment in segments:
            self._socket.sendall(segment)
        return self

    def response(self) -> RawResponse:
        """Read one response that is not an interim one (1xx)."""
        while not self._complete():
            if not self._read():
                raise AssertionError("the connection was closed before a response")
        response = self._complete()[0]
        self._responses.remove(response)
        return response

    def readable(self, seconds: float) -> bool:
        """Wait for bytes of the server, at most for so long; return whether there are any."""
        return bool(select.select([self._socket], [], [], seconds)[0])

    def rest(self) -> list[RawResponse]:
        """Read all responses until the server closes the connection."""
        while self._read():
            pass
        return [response for response in self._responses if response.status >= 200]

    @property
    def interim(self) -> list[int]:
        """The statuses of the interim responses so far."""
        return [response.status for response in self._responses if response.status < 200]

    def _complete(self) -> list[RawResponse]:
        return [response for response in self._responses if response.complete and response.status >= 200]

    def _read(self) -> bool:
        data = self._socket.recv(65536)
        if data:
            self._parser.feed_data(data)
        return bool(data)

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        self._responses.append(RawResponse())

    def on_header(self, name: bytes, value: bytes) -> None:
        self._responses[-1].headers[name.decode().lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._responses[-1].status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._responses[-1].body += body

    def on_message_complete(self) -> None:
        self._responses[-1].complete = True


def chunked(body: bytes, size: int = 1) -> bytes:
    """A body in chunks of `size` bytes, with the last chunk."""
    parts = (body[first : first + size] for first in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def post(path: str, body: bytes, *headers: bytes, framing: str = "length") -> tuple[bytes, bytes]:
    """Head and body of a POST of JSON.

    Args:
        path: the path
        body: the content
        headers: further header lines
        framing: `length` for Content-Length, `chunked` for chunks
    """
    length = b"Content-Length: %d" % len(body) if framing == "length" else b"Transfer-Encoding: chunked"
    lines = [f"POST {path} HTTP/1.1".encode(), b"Host: localhost", b"Content-Type: application/json", *headers, length]
    return b"\r\n".join([*lines, b"", b""]), body if framing == "length" else chunked(body, 7)
