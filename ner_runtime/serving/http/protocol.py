"""HTTP/1.1 connections: uvicorn's protocol, changed so that each byte belongs to exactly one request.

Differences from uvicorn's protocol:

- `Upgrade` is ignored, as RFC 9110, 7.8 allows, because httptools stops parsing at such a request and loses its body.
- A malformed request gets the service's error response, after the responses to the requests before it.
- While a request body is still arriving, the connection is closed only after the rest of the body has been discarded
  ("lingering close" in nginx). Otherwise a client that sends the body before it reads may get a reset and no response.
- Message framing that intermediaries may interpret differently (RFC 9112, 6.1, 11.2) is rejected as malformed, and so
  is a repeated `Host` header or, in HTTP/1.1, a missing one (RFC 9112, 3.2).
- Trailers are ignored. The size of a request's head, the time in which it arrives and the number of pipelined requests
  are limited.
- A request that the edge would refuse because of load is refused as soon as its head has arrived, without a task: under
  overload, refusals must cost less than the work that they save.
"""

from __future__ import annotations

import asyncio
from functools import partial
from secrets import token_hex
from time import perf_counter
from typing import Any

import httptools

from ner_runtime.errors import MalformedRequest, RanerError
from ner_runtime.serving.api.access_record import AccessRecord, observe
from ner_runtime.serving.api.errors import HeadTimedOut, status_of
from ner_runtime.serving.api.messages import DISCONNECTED
from ner_runtime.serving.http.admission.refusals import Refusals, response_bytes
from ner_runtime.serving.http.headers import request_id
from ner_runtime.serving.http.listener import OPEN_CONNECTIONS
from ner_runtime.serving.telemetry.deferred import DEFERRED
from ner_runtime.serving.telemetry.logs import log_response
from ner_runtime.serving.telemetry.metrics import observe_response
from ner_runtime.upstream.private import FlowControl, HttpToolsProtocol

MAX_HEAD_BYTES = 65_536
"""Maximum size of a request's head: request line and headers."""
HEAD_TIMEOUT_S = 60.0
"""How long the head of a request may take to arrive after its first byte, and how long a new connection may send
nothing. nginx and Node.js have the same default."""
MAX_DISCARDED_BYTES = 268_435_456
"""Maximum size of the rest of a body that is read and discarded after the response."""
LINGER_S = 30.0
"""How long the rest of a body is discarded before the connection is closed."""
LINGER_IDLE_S = 5.0
"""The connection is closed earlier if no bytes arrive for this long."""

MAX_REFUSED_IN_READ = 16
"""How many requests of one read are refused at once. The connection takes no more until the others are answered."""
MAX_PIPELINED = 256
"""Maximum number of requests on a connection that wait for the response to an earlier one."""

MAX_REFUSED_BYTES = 65_536
"""Only requests with a body of at most this size are refused at once: a larger body is not worth receiving, so that the
connection must be closed after the response."""

_CHECKED_HEADERS = frozenset({b"host", b"transfer-encoding", b"expect"})
_VERSIONS = ("1.0", "1.1")


class HttpProtocol(HttpToolsProtocol):
    """The protocol of one HTTP/1.1 connection."""

    def __init__(self, *args: Any, refusals: Refusals | None = None, **kwargs: Any) -> None:
        """Begin with an empty connection.

        Args:
            args: arguments of uvicorn's protocol
            refusals: decides which requests are refused as soon as their head has arrived
            kwargs: further arguments of uvicorn's protocol
        """
        super().__init__(*args, **kwargs)
        self._refusals = refusals
        self._is_refused = False  # the current request was refused, and its body may still be arriving
        self._refused_in_read = 0
        self._socket: asyncio.Transport
        self._in_head = False
        self._head_bytes = 0
        self._seen_host = False
        self._chunked = False
        self._unanswered = 0  # requests without a complete response
        self._error: RanerError | None = None  # why no more requests are read
        self._head_timer: asyncio.TimerHandle | None = None
        self._discarded = 0
        self._linger_ends = 0.0  # in event loop seconds; 0 unless the connection lingers
        self._linger_timer: asyncio.TimerHandle | None = None
        self._disconnected: asyncio.Future[None] = self.loop.create_future()

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        OPEN_CONNECTIONS.add(1)
        self._socket = transport
        self.transport = _Transport(transport, self)  # pyright: ignore[reportAttributeAccessIssue]
        self.flow = _PipelineFlow(transport, self)
        self._limit_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_head_limit()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        self._disconnected.set_result(None)
        OPEN_CONNECTIONS.add(-1)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._linger_ends:
            self._discard(len(data))
            return
        if self._error is not None:
            return
        self._unset_keepalive_if_required()
        self._refused_in_read = 0
        try:
            while data:
                data = self._feed(data)
        except httptools.HttpParserError:
            self._refuse(MalformedRequest("the request is not valid HTTP/1.1"))
        self._limit_head()

    def _feed(self, data: bytes) -> bytes:
        """Parse received bytes; return the bytes that must be parsed again."""
        was_in_head = self._in_head
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._head_without_upgrade() + data[upgrade.args[0] :]
        if self._in_head:
            # In front of a head that begins in these bytes, there may be a long body.
            self._head_bytes += len(data) if was_in_head else len(self.url) + sum(map(_size, self.headers))
            if self._head_bytes > MAX_HEAD_BYTES:
                raise httptools.HttpParserError("the head is too large")
        return b""

    def close(self) -> None:
        """Close the connection, at once or after the rest of a request body was discarded."""
        latest = self._latest
        if self._linger_ends or latest is None or latest.keep_alive:
            self._socket.close()
        elif latest.response_complete and latest.more_body:
            self._linger()
        else:
            self._socket.close()

    def is_closing(self) -> bool:
        """Whether the connection takes no more requests."""
        return bool(self._linger_ends) or self._socket.is_closing()

    @property
    def _latest(self) -> Any:
        """The latest request, with its response; None before the first one."""
        return self.cycle

    def _limit_head(self) -> None:
        """Limit the time in which the next head arrives, unless a complete request is being handled."""
        idle = self.timeout_keep_alive_task is not None
        if self._error is not None or idle or not (self._in_head or not self._unanswered):
            self._cancel_head_limit()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._end_head)

    def _cancel_head_limit(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_head(self) -> None:
        self._head_timer = None
        if self._in_head:
            self._refuse(HeadTimedOut(f"the head of the request did not arrive within {HEAD_TIMEOUT_S:g} seconds"))
        else:
            # No request has begun, so that none can be answered.
            self._socket.close()

    # Parsing

    def on_message_begin(self) -> None:
        super().on_message_begin()
        # A refused request that ended in the same bytes has started it.
        self._unset_keepalive_if_required()
        state = self.scope["state"]  # pyright: ignore[reportTypedDictNotRequiredAccess] - uvicorn always sets it
        state[DISCONNECTED] = self._disconnected
        self._cancel_head_limit()
        self._in_head = True
        self._head_bytes = 0
        self._seen_host = self._chunked = False

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if not self._in_head:
            # A trailer.
            return
        if name in _CHECKED_HEADERS:
            self._check_header(name, value.strip().lower())
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        unclear = self._chunked if version == "1.0" else not self._seen_host
        if version not in _VERSIONS or unclear or len(self.pipeline) >= MAX_PIPELINED:
            raise _RefusedHead
        self._in_head = False
        if self.parser.should_upgrade():
            # `data_received` parses the request again.
            return
        if version == "1.0":
            # HTTP/1.0 has no interim responses.
            self.expect_100_continue = False
        if self._refused_at_once(version):
            return
        self._unanswered += 1
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._is_refused:
            return
        if self.cycle.response_complete:
            self._discarded += len(body)
            if self._discarded > MAX_DISCARDED_BYTES:
                self._socket.close()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._discarded = 0
        if self._is_refused:
            self._is_refused = False
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
            return
        if self.parser.should_upgrade():
            return
        # uvicorn does not set this once the response is complete.
        self.cycle.more_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._unanswered -= 1
        super().on_response_complete()
        if self._error is not None and not self._unanswered:
            self._send_error(self._error)

    def _check_header(self, name: bytes, value: bytes) -> None:
        if name == b"expect":
            self.expect_100_continue = value == b"100-continue"
            return
        if name == b"host":
            repeated, self._seen_host = self._seen_host, True
            if repeated:
                raise _RefusedHead
            return
        if value != b"chunked":
            raise _RefusedHead
        self._chunked = True

    def _head_without_upgrade(self) -> bytes:
        """Reset the parser; return the head of the current request without the headers that request an upgrade."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise httptools.HttpParserError("CONNECT is not supported")
        lines = [method + b" " + self.url + b" HTTP/" + self.parser.get_http_version().encode()]
        lines += [name + b": " + value for name, value in _without_upgrade(self.headers)]
        self.parser = httptools.HttpRequestParser(self)
        # As in uvicorn: data after a request with `Connection: close` must not prevent the response to that request.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return b"\r\n".join([*lines, b"", b""])

    # Errors

    def _refuse(self, error: RanerError) -> None:
        """Send the error response after the responses to earlier requests, and close the connection."""
        self._error = error
        latest = self._latest
        if latest is not None and latest.more_body and not self._in_head:
            # The latest request is itself malformed: the end of its body is unknown.
            latest.disconnected = True
            latest.message_event.set()
            if latest.response_started:
                self._socket.close()
                return
            queued = next((entry for entry in self.pipeline if entry[0] is latest), None)
            if queued is not None:
                self.pipeline.remove(queued)
            self._unanswered -= 1
        if not self._unanswered:
            self._send_error(error)

    def _send_error(self, error: RanerError) -> None:
        identity = token_hex(16)
        headers = (*self.server_state.default_headers, (b"connection", b"close"))
        self._socket.write(response_bytes(error, identity, headers))
        record = AccessRecord("other", "", status_of(error), 0.0, error.code, request_id=identity)
        DEFERRED.call(partial(observe, record, (observe_response, log_response)))
        self._linger()

    def _refused_at_once(self, version: str) -> bool:
        """Refuse the current request, whose head has arrived, if that is possible without a task."""
        refusals = self._refusals
        if refusals is None or not refusals.may_refuse():
            return False
        started = perf_counter()
        # Of repeated headers, the first one counts, as in the edge.
        headers = dict(reversed(self.headers))
        if (
            self._unanswered
            or self._refused_in_read >= MAX_REFUSED_IN_READ
            or self.flow.write_paused
            or version == "1.0"
            or self.expect_100_continue
            or not self.parser.should_keep_alive()
            or not _is_small(headers.get(b"content-length", b""))
            # The response needs the headers of CORS.
            or b"origin" in headers
        ):
            return False
        method, path = self.parser.get_method().decode("latin-1"), self.url.partition(b"?")[0].decode("latin-1")
        scope = {"type": "http", "method": method, "path": path, "headers": self.headers, "client": self.client}
        error = refusals.refusal(scope)
        if error is None:
            return False
        self._is_refused = True
        self._refused_in_read += 1
        identity = request_id(headers.get(b"x-request-id", b"").decode("latin-1"))
        self._socket.write(refusals.response(error, identity, tuple(self.server_state.default_headers)))
        refusals.record(error, scope, identity, started)
        return True

    # Lingering close

    def _linger(self) -> None:
        self._unset_keepalive_if_required()
        self._linger_ends = self.loop.time() + LINGER_S
        self._linger_timer = self.loop.call_later(LINGER_IDLE_S, self._socket.close)
        self.flow.resume_reading()
        if self._socket.can_write_eof():
            # Tells the client at once that the response is complete.
            self._socket.write_eof()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > MAX_DISCARDED_BYTES or self.loop.time() > self._linger_ends:
            self._socket.close()
            return
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        self._linger_timer = self.loop.call_later(LINGER_IDLE_S, self._socket.close)


class _RefusedHead(Exception):
    """Raised in parser callbacks to reject a request head. The parser then raises an `HttpParserError`."""


def _size(header: tuple[bytes, bytes]) -> int:
    name, value = header
    return len(name) + len(value)


def _is_small(content_length: bytes) -> bool:
    return content_length.isdigit() and len(content_length) <= 9 and int(content_length) <= MAX_REFUSED_BYTES


def _without_upgrade(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    kept: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            value = b", ".join(token for token in tokens if token.lower() != b"upgrade")
        if name != b"upgrade":
            kept.append((name, value))
    return kept


class _Transport:
    """The transport that uvicorn uses. The protocol decides when to close the connection."""

    def __init__(self, transport: asyncio.Transport, protocol: HttpProtocol) -> None:
        self._transport = transport
        self._protocol = protocol
        self.write = transport.write

    def close(self) -> None:
        self._protocol.close()

    def is_closing(self) -> bool:
        return self._protocol.is_closing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _PipelineFlow(FlowControl):
    """Flow control that stops reading while pipelined requests are waiting."""

    def __init__(self, transport: asyncio.Transport, protocol: HttpProtocol) -> None:
        super().__init__(transport)
        self._protocol = protocol

    def resume_reading(self) -> None:
        if not self._protocol.pipeline:
            super().resume_reading()
