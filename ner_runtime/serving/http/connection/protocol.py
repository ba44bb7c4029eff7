"""HTTP/1.1 connections: uvicorn's protocol, changed so that each byte belongs to exactly one request.

Differences from uvicorn's protocol:

- `Upgrade` is ignored, as RFC 9110, 7.8 allows, because httptools stops parsing at such a request and loses its body.
- A malformed request gets the service's error response, after the responses to the requests before it.
- While a request body is still arriving, the connection is closed only after the rest of it has been discarded; see
  `lingering`.
- A head whose meaning is not certain is rejected as malformed; see `heads`. Trailers are ignored.
- The size of a head, the time in which it arrives and the number of pipelined requests are limited, and so is what a
  chunked body contains besides its data: chunk extensions and trailers.
- A connection whose client does not read is aborted; see `write_timeout`.
- A request that the edge would refuse because of load is refused as soon as its head has arrived, without a task: under
  overload, refusals must cost less than the work that they save.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from secrets import token_hex
from time import perf_counter, time
from typing import Any

import httptools

from ner_runtime.errors import MalformedRequest, RanerError
from ner_runtime.serving.api.access_record import Observer, observe_error
from ner_runtime.serving.api.errors import HeadTimedOut
from ner_runtime.serving.api.messages import BODY_ARRIVED, DISCONNECTED
from ner_runtime.serving.http.admission.refusals import Refusals, response_bytes
from ner_runtime.serving.http.connection.heads import MAX_HEAD_BYTES, Head, RejectedHead, size_of, without_upgrade
from ner_runtime.serving.http.connection.lingering import LingeringClose
from ner_runtime.serving.http.connection.transport import ConnectionTransport, PipelineFlow
from ner_runtime.serving.http.connection.write_timeout import WriteTimeout
from ner_runtime.serving.http.headers import request_id
from ner_runtime.serving.http.listener import OPEN_CONNECTIONS
from ner_runtime.serving.telemetry.deferred import DEFERRED
from ner_runtime.upstream.private import HttpToolsProtocol

KEEP_ALIVE_S = 75
"""How long a connection stays open after a response. It is the default of nginx for its clients, and longer than many
proxies keep connections to a service: if the service closes one first, a request that is just arriving fails."""
HEAD_TIMEOUT_S = 60.0
"""How long the head of a request may take to arrive after its first byte, and how long a new connection may send
nothing. nginx and Node.js have the same default."""
MAX_REFUSED_IN_READ = 16
"""How many requests of one read are refused at once. The connection takes no more until the others are answered."""
MAX_PIPELINED = 256
"""Maximum number of requests on a connection that wait for the response to an earlier one."""
MAX_REFUSED_BYTES = 65_536
"""Only requests with a body of at most this size are refused at once: a larger body is not worth receiving, so that the
connection must be closed after the response."""


class HttpProtocol(HttpToolsProtocol):
    """The protocol of one HTTP/1.1 connection."""

    def __init__(
        self,
        *args: Any,
        refusals: Refusals | None = None,
        observers: Sequence[Observer] = (),
        keep_alive_s: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Begin with an empty connection.

        Args:
            args: arguments of uvicorn's protocol
            refusals: decides which requests are refused as soon as their head has arrived
            observers: called with the access record of each response that does not come from the application
            keep_alive_s: how long a connection stays open after a response; by default as uvicorn is configured
            kwargs: further arguments of uvicorn's protocol
        """
        super().__init__(*args, **kwargs)
        if keep_alive_s is not None:
            self.timeout_keep_alive = keep_alive_s
        self._refusals = refusals
        self._observers = observers
        self._is_refused = False  # the current request was refused, and its body may still be arriving
        self._refused_in_read = 0
        self._socket: asyncio.Transport
        self._own_transport: ConnectionTransport
        self._lingering: LingeringClose
        self._write_timeout: WriteTimeout
        self._head = Head()
        self._begun_in_read = False  # whether the latest head began in the bytes that were read last
        self._framing_bytes = 0  # read since the latest head or bytes of a body
        self._unanswered = 0  # requests without a complete response
        self._error: RanerError | None = None  # why no more requests are read
        self._head_timer: asyncio.TimerHandle | None = None
        self._disconnected: asyncio.Future[None] = self.loop.create_future()

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        OPEN_CONNECTIONS.add(1)
        self._socket = transport
        self._lingering = LingeringClose(transport, self.loop)
        self._write_timeout = WriteTimeout(transport, self.loop)
        self._own_transport = ConnectionTransport(transport, self)
        self.transport = self._own_transport  # pyright: ignore[reportAttributeAccessIssue]
        self.flow = PipelineFlow(transport, self)
        self._limit_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_head_limit()
        self._lingering.cancel()
        self._write_timeout.end()
        self._own_transport.discard_writes()
        self._disconnected.set_result(None)
        OPEN_CONNECTIONS.add(-1)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._lingering.has_begun:
            self._lingering.discard(len(data))
            return
        if self._error is not None:
            return
        self._unset_keepalive_if_required()
        self._refused_in_read = 0
        try:
            while data:
                data = self._feed(data)
        except httptools.HttpParserError:
            self._reject(MalformedRequest("the request is not valid HTTP/1.1"))
        self._limit_head()

    def _feed(self, data: bytes) -> bytes:
        """Parse received bytes; return the bytes that must be parsed again."""
        self._begun_in_read = False
        self._framing_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._restart_without_upgrade() + data[upgrade.args[0] :]
        if self._head.is_arriving:
            # In front of a head that begins in these bytes, there may be a long body.
            size = size_of(self.url, self.headers) if self._begun_in_read else len(data)
            if not self._head.add_bytes(size):
                raise httptools.HttpParserError("the head is too large")
        elif self._framing_bytes > MAX_HEAD_BYTES and self._latest is not None and self._latest.more_body:
            # The parser keeps an unfinished trailer in memory, and copies it with each read.
            raise httptools.HttpParserError("a chunk extension or the trailers are too large")
        return b""

    def close(self) -> None:
        """Close the connection, at once or after the rest of a request body was discarded."""
        latest = self._latest
        body_follows = latest is not None and latest.response_complete and latest.more_body and not latest.keep_alive
        if body_follows and not self._lingering.has_begun:
            self._linger()
        else:
            self._socket.close()
            # The transport writes what is waiting before it closes.
            self._write_timeout.begin()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timeout.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_timeout.end()
        if self._socket.is_closing():
            self._write_timeout.begin()

    def is_closing(self) -> bool:
        """Whether the connection takes no more requests."""
        return self._lingering.has_begun or self._socket.is_closing()

    @property
    def _latest(self) -> Any:
        """The latest request, with its response; None before the first one."""
        return self.cycle

    def _linger(self) -> None:
        self._unset_keepalive_if_required()
        self._lingering.begin()
        self.flow.resume_reading()

    # The time in which a head arrives

    def _limit_head(self) -> None:
        """Limit the time in which the next head arrives, unless a complete request is being handled."""
        idle = self.timeout_keep_alive_task is not None
        if self._error is not None or idle or not (self._head.is_arriving or not self._unanswered):
            self._cancel_head_limit()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._end_head)

    def _cancel_head_limit(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_head(self) -> None:
        self._head_timer = None
        if self._head.is_arriving:
            self._reject(HeadTimedOut(f"the head of the request did not arrive within {HEAD_TIMEOUT_S:g} seconds"))
        else:
            # No request has begun, so that none can be answered.
            self._socket.close()

    # Parsing

    def on_message_begin(self) -> None:
        # uvicorn's method also creates the scope, which a refused request does not need.
        self.url, self.headers, self.expect_100_continue = b"", [], False
        # A refused request that ended in the same bytes has started it.
        self._unset_keepalive_if_required()
        self._cancel_head_limit()
        self._head.begin()
        self._begun_in_read = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head.is_arriving:
            # A trailer.
            return
        name = name.lower()
        if name == b"expect":
            self.expect_100_continue = value.strip().lower() == b"100-continue"
        self._head.check(name, value)
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        if len(self.pipeline) >= MAX_PIPELINED:
            raise RejectedHead
        self._head.end(version)
        self._framing_bytes = 0
        if self.parser.should_upgrade():
            # `_feed` parses the request again.
            return
        if version == "1.0":
            # HTTP/1.0 has no interim responses.
            self.expect_100_continue = False
        if self._refused_at_once(version):
            return
        self._create_scope()
        # Raises if the request target is not valid. Then the request gets no response from the application.
        super().on_headers_complete()
        self._unanswered += 1

    def on_body(self, body: bytes) -> None:
        self._framing_bytes = 0
        if self._is_refused:
            return
        if self.cycle.response_complete:
            self._lingering.discard(len(body))
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._lingering.end_body()
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
        self._latest.scope["state"][BODY_ARRIVED] = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._unanswered -= 1
        super().on_response_complete()
        if self._error is not None and not self._unanswered:
            self._send_error(self._error)

    def _create_scope(self) -> None:
        """Create the ASGI scope of the current request, whose head has arrived."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        # The scope holds this list.
        self.headers += headers
        state = self.scope["state"]  # pyright: ignore[reportTypedDictNotRequiredAccess] - uvicorn always sets it
        state[DISCONNECTED] = self._disconnected

    def _restart_without_upgrade(self) -> bytes:
        """Reset the parser; return the head of the current request without the headers that request an upgrade."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise httptools.HttpParserError("CONNECT is not supported")
        head = without_upgrade(method, self.url, self.parser.get_http_version(), self.headers)
        self.parser = httptools.HttpRequestParser(self)
        # As in uvicorn: data after a request with `Connection: close` must not prevent the response to that request.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return head

    # Responses that do not come from the application

    def _reject(self, error: RanerError) -> None:
        """Send the error response after the responses to earlier requests, and close the connection."""
        self._error = error
        latest = self._latest
        if latest is not None and latest.more_body and not self._head.is_arriving:
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
        self._record("", "other", error, 0.0, identity)
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
        error = refusals.refusal(method, path, self.headers, self.client)
        if error is None:
            return False
        self._is_refused = True
        self._refused_in_read += 1
        identity = request_id(headers.get(b"x-request-id", b"").decode("latin-1"))
        self._socket.write(refusals.response(error, identity, tuple(self.server_state.default_headers)))
        self._record(method, path, error, perf_counter() - started, identity)
        return True

    def _record(self, method: str, path: str, error: RanerError, seconds: float, identity: str) -> None:
        DEFERRED.call(observe_error, self._observers, method, path, error, seconds, identity, time())


def _is_small(content_length: bytes) -> bool:
    return content_length.isdigit() and len(content_length) <= 9 and int(content_length) <= MAX_REFUSED_BYTES
