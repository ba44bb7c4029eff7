"""Edge: the outermost layer of the service. It rejects invalid and excess requests before they reach BentoML.

The edge routes by path and method, admits requests, reads and validates bodies, and completes every response: it adds
security headers and the request id, and sends all errors in one format.

ASGI 3.0: https://asgi.readthedocs.io/en/latest/specs/www.html.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from time import perf_counter

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ner_runtime.errors import RanerError
from ner_runtime.serving.api.access_record import AccessRecord, Observer, observe
from ner_runtime.serving.api.errors import (
    ClientGone,
    MethodNotAllowed,
    NotFound,
    TimedOut,
    error_for_status,
    error_response,
    response_error,
    status_of,
)
from ner_runtime.serving.api.messages import API_REQUEST, DISCONNECTED, ApiRequest
from ner_runtime.serving.api.requests import RequestBody
from ner_runtime.serving.http.admission.limits import Admission
from ner_runtime.serving.http.bodies import BodyReader, check_media_type, content_coding, replay
from ner_runtime.serving.http.compression import compressed
from ner_runtime.serving.http.headers import COMMON_HEADERS, REQUEST_ID_HEADER, SECURITY_HEADERS, request_id
from ner_runtime.serving.http.pages import Pages
from ner_runtime.serving.telemetry.deferred import DEFERRED
from ner_runtime.serving.telemetry.logs import REQUEST_ID, log

Parser = Callable[[bytes], RequestBody]
"""Parses and validates a request body."""

PROBES = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})
"""Paths that BentoML serves."""

_OWN_HEADERS = frozenset({REQUEST_ID_HEADER, *(name.encode() for name in SECURITY_HEADERS)})
_STATIC = "/static"
# Larger bodies are parsed in a thread, so that they do not block the event loop: 4 MB of `{}` take half a second.
_MAX_INLINE_BYTES = 131_072


class Edge:
    """ASGI application that wraps BentoML's application and the pages."""

    def __init__(
        self,
        app: ASGIApp,
        pages: Pages,
        parsers: Mapping[str, Parser],
        admission: Admission,
        bodies: BodyReader,
        timeout_s: float,
        *observers: Observer,
    ) -> None:
        """Set the parts of the edge.

        Args:
            app: serves the paths of `parsers` and `PROBES`
            pages: serves the paths `pages.paths`
            parsers: the parser of each path that takes a body
            admission: admits requests with a body
            bodies: reads the bodies
            timeout_s: maximum time in seconds from the end of the body to the start of the response
            observers: called with the access record of every response
        """
        self._app = app
        self._pages = pages
        self._parsers = parsers
        self._admission = admission
        self._bodies = bodies
        self._timeout_s = timeout_s
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                DEFERRED.flush()
        elif scope["type"] == "http":
            await self._http(Request(scope, receive), send)
        else:
            # WebSockets are not supported. Closing before accepting makes the server respond 403.
            await send({"type": "websocket.close"})

    async def _http(self, request: Request, send: Send) -> None:
        received = perf_counter()
        request.scope.setdefault("state", {})
        identity = request_id(request.headers.get("x-request-id"))
        REQUEST_ID.set(identity)
        response = _ResponseSender(request, send, identity)
        notes: dict[str, object] = {}
        try:
            await self._route(request, received, notes, response)
        except ClientDisconnect:
            response.client_gone()
        except RanerError as error:
            await response.send_error(error)
        except Exception as error:  # noqa: BLE001 - the client gets an error response, and the log has the exception
            log.error("unexpected error", exc_info=error)
            await response.send_error(error_for_status(HTTPStatus.INTERNAL_SERVER_ERROR, {}))
        seconds = perf_counter() - received
        path = self._label(request.scope["path"])
        record = AccessRecord(path, request.method, response.status, seconds, response.code, notes, identity)
        DEFERRED.call(observe, record, self._observers)

    def _label(self, path: str) -> str:
        # The path in metrics and logs. Clients cannot create new values: unknown paths become `other`.
        if path in self._parsers or path in PROBES:
            return path
        if path not in self._pages.paths:
            return "other"
        return _STATIC if path.startswith(f"{_STATIC}/") else path

    async def _route(
        self, request: Request, received: float, notes: dict[str, object], response: _ResponseSender
    ) -> None:
        path = request.scope["path"]
        if path in self._parsers:
            _check_method(request, "POST")
            await self._post(request, received, notes, response)
        elif path in self._pages.paths:
            _check_method(request, "GET", "HEAD")
            await self._pages(request.scope, request.receive, response.send)
        elif path in PROBES:
            _check_method(request, "GET", "HEAD")
            DEFERRED.flush()
            await self._app(request.scope, request.receive, response.send)
        else:
            raise NotFound("this path does not exist; GET /docs lists the paths")

    async def _post(
        self, request: Request, received: float, notes: dict[str, object], response: _ResponseSender
    ) -> None:
        scope, receive = request.scope, request.receive
        self._admission.check_client(request)
        check_media_type(request.headers)
        coding = content_coding(request.headers)
        # Checked before the body is read, so that rejecting is cheap; `request` checks again once the body is read.
        self._admission.check_capacity()
        body = await self._bodies.read(request, coding, self._admission)
        with self._admission.request():
            parse = self._parsers[scope["path"]]
            parsed = parse(body) if len(body) <= _MAX_INLINE_BYTES else await asyncio.to_thread(parse, body)
            state = scope["state"]
            state[API_REQUEST] = ApiRequest(parsed, received, state.get(DISCONNECTED), notes)
            try:
                await self._call(scope, replay(body, receive), response)
            finally:
                # uvicorn's objects of a connection refer to each other and to the scope of its last request, until a
                # garbage collection runs. They must not keep the texts.
                del state[API_REQUEST]

    async def _call(self, scope: Scope, receive: Receive, response: _ResponseSender) -> None:
        """Call the application; cancel it if the response does not start in time."""
        timeout = asyncio.timeout(self._timeout_s)
        try:
            async with timeout:
                response.timeout = timeout
                try:
                    await self._app(scope, receive, response.send)
                finally:
                    response.timeout = None
        except TimeoutError:
            if not timeout.expired():
                raise
            raise TimedOut("the request took longer than the service allows") from None


def _check_method(request: Request, *allowed: str) -> None:
    if request.method not in allowed:
        allow = ", ".join(allowed)
        raise MethodNotAllowed(f"{request.method[:16]} is not allowed here; allowed: {allow}", allow)


class _ResponseSender:
    """Completes and sends one response. Replaces an error response that `error_response` did not create."""

    def __init__(self, request: Request, send: Send, identity: str) -> None:
        self._request = request
        self._send = send
        self._identity = identity
        self._started = False
        self._replaced = False
        self.timeout: asyncio.Timeout | None = None
        self.status = 500
        self.code: str | None = None

    async def send(self, message: Message) -> None:
        """Send an ASGI message from the wrapped application."""
        if message["type"] == "http.response.start":
            error = response_error(self._request.scope)
            if message["status"] >= HTTPStatus.BAD_REQUEST and error is None:
                headers = Headers(raw=message["headers"])
                await self.send_error(error_for_status(message["status"], headers), message["status"])
                # The body of the replaced response follows and must be dropped.
                self._replaced = True
                return
            await self._start(message, error)
        elif not self._replaced:
            await self._send(message)

    async def send_error(self, error: RanerError, status: int | None = None) -> None:
        """Send an error response. Does nothing once a response has started: the server then closes the connection."""
        if not self._started:
            with suppress(ClientDisconnect):
                await error_response(error, status)(self._request.scope, self._request.receive, self.send)

    def client_gone(self) -> None:
        """Record that the client has disconnected."""
        self.status, self.code = status_of(ClientGone("")), ClientGone.code

    async def _start(self, message: Message, error: RanerError | None) -> None:
        if self.timeout is not None and not self.timeout.expired():
            # The client may read the response as slowly as it likes.
            self.timeout.reschedule(None)
        self._started = True
        self.status = message["status"]
        self.code = error.code if error else None
        request = self._request
        self._send = compressed(self._send, request.method, request.headers.get("accept-encoding", ""))
        headers = [header for header in message["headers"] if header[0] not in _OWN_HEADERS]
        headers += [*COMMON_HEADERS, (REQUEST_ID_HEADER, self._identity.encode())]
        await self._send({**message, "headers": headers})
