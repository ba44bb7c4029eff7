"""Edge: the outermost layer of the service. What does not get past it costs BentoML and the model nothing.

It knows which paths and methods there are, reads a body only where one belongs and only while there is room for it,
checks keys, and turns bodies into requests; it puts the one error shape on whatever comes back, and the security
headers and the request's id on everything. It knows nothing of models.
ASGI 3.0, https://asgi.readthedocs.io/en/latest/specs/www.html.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ner_runtime.errors import RanerError
from ner_runtime.serving.api.access_record import AccessRecord, Observer
from ner_runtime.serving.api.errors import (
    ClientGone,
    MethodNotAllowed,
    NotFound,
    error_body,
    error_headers,
    error_of_status,
    status_of,
)
from ner_runtime.serving.http.admission import InFlight, Rate, RateLimiter, client_of
from ner_runtime.serving.http.bodies import BodyLimits, check_media_type, read_body, replay
from ner_runtime.serving.http.clients import check_key
from ner_runtime.serving.telemetry.logs import REQUEST_ID, log, request_id

PARSED = "raner_request"
"""Key of `scope["state"]` under which a request that got past the edge waits, as a `ApiRequest`."""

OURS = "x-raner-error"
"""Header that marks an error answer as being in the one error shape already; it does not leave the house."""

SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}

_REQUEST_ID_HEADER = "x-request-id"
_JSON = "application/json"
_READ = frozenset({"GET", "HEAD"})
_STATIC = "/static"
# Bodies that may be arriving at once, in the largest ones there may be.
_ARRIVING_BODIES = 16


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request body that was read and is valid.

    received: when the request came, in `perf_counter` seconds
    gone: done once the client has left; None where nobody looks
    notes: what the log should tell of the request, in numbers, never its text
    """

    body: object
    received: float
    gone: asyncio.Future[None] | None = None
    notes: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Routes:
    """The paths that there are: those that are read, and those that take a body, with the function that reads it."""

    pages: frozenset[str]
    bodies: Mapping[str, Callable[[bytes], object]]


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What the edge lets in.

    key_digests: hex sha256 of each API key; empty where none is asked for
    rate: of each client; None where there is no limit
    trusted_proxies: reverse proxies in front whose X-Forwarded-For is believed
    """

    max_body_bytes: int
    timeout_s: float
    max_concurrency: int = 64
    key_digests: tuple[str, ...] = ()
    rate: Rate | None = None
    trusted_proxies: int = 0


class Edge:
    """ASGI application around another one."""

    def __init__(self, app: ASGIApp, routes: Routes, limits: EdgeLimits, *observers: Observer) -> None:
        self._app = app
        self._routes = routes
        self._limits = limits
        self._observers = observers
        self._body_limits = BodyLimits(limits.max_body_bytes, limits.timeout_s)
        self._rate_limiter = RateLimiter(limits.rate) if limits.rate else None
        self.in_flight = InFlight(limits.max_concurrency, _ARRIVING_BODIES * limits.max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            # A WebSocket: there is none here, and closing before accepting answers 403.
            await send({"type": "websocket.close"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = perf_counter()
        request = Request(scope, receive)
        identity = request_id(request.headers.get(_REQUEST_ID_HEADER))
        REQUEST_ID.set(identity)
        answer = _Answer(scope, receive, send, identity)
        notes: dict[str, object] = {}
        try:
            if self._takes_body(request):
                await self._answer_body(request, received, notes, answer)
            else:
                await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            answer.gone()
        except RanerError as error:
            await answer.error(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets the one shape and the log its type
            log.error("unexpected error", exc_info=error)
            await answer.error(error_of_status(HTTPStatus.INTERNAL_SERVER_ERROR))
        seconds = perf_counter() - received
        answered = AccessRecord(self._label(scope["path"]), request.method, answer.status, seconds, answer.code, notes)
        for observe in self._observers:
            observe(answered)

    def _label(self, path: str) -> str:
        # Labels of metrics must stay few, whatever paths are asked for.
        if path in self._routes.bodies:
            return path
        if path not in self._routes.pages:
            return "other"
        return _STATIC if path.startswith(f"{_STATIC}/") else path

    def _takes_body(self, request: Request) -> bool:
        """Whether the path takes a body; False where it is a page."""
        path = request.scope["path"]
        if path in self._routes.pages:
            if request.method not in _READ:
                raise MethodNotAllowed(f"{request.method[:16]} is not allowed here; allowed: GET")
            return False
        if path not in self._routes.bodies:
            raise NotFound("there is nothing at this path; GET /docs lists what there is")
        if request.method != "POST":
            raise MethodNotAllowed(f"{request.method[:16]} is not allowed here; allowed: POST")
        return True

    async def _answer_body(self, request: Request, received: float, notes: dict[str, object], answer: _Answer) -> None:
        scope, receive = request.scope, request.receive
        digests = self._limits.key_digests
        client = check_key(request.headers, digests) if digests else client_of(scope, self._limits.trusted_proxies)
        if self._rate_limiter is not None:
            self._rate_limiter.check(client)
        check_media_type(request.headers)
        # Before the body is read, so that turning back costs nothing, and again after it, when others may have come.
        self.in_flight.check()
        body = await read_body(request, self._body_limits, self.in_flight)
        with self.in_flight.one_more():
            value = self._routes.bodies[scope["path"]](body)
            gone = asyncio.ensure_future(_departure(receive))
            scope.setdefault("state", {})[PARSED] = ApiRequest(value, received, gone, notes)
            try:
                await self._app(scope, replay(body, receive), answer.send)
            finally:
                gone.cancel()


async def _departure(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


class _Answer:
    """Passes an answer on; one with an error status that is not in the one error shape is put into it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, identity: str) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._identity = identity
        self._started = False
        self._replaced = False
        self.status = 500
        self.code: str | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=list(message["headers"]))
            self.code = headers.get(OURS)
            if self.status >= HTTPStatus.BAD_REQUEST and self.code is None:
                self._replaced = True
                await self._respond(error_of_status(self.status), self.status)
                return
            del headers[OURS]
            self._finish(headers)
            message = {**message, "headers": headers.raw}
            self._started = True
        if not self._replaced:
            await self._send(message)

    async def error(self, error: RanerError) -> None:
        if self._started:
            # Half an answer is out. Leaving it unfinished makes the server close the connection.
            return
        self.status = status_of(error)
        await self._respond(error, self.status)

    def gone(self) -> None:
        """Nobody is there to be answered."""
        self.status, self.code = status_of(ClientGone("")), ClientGone.code

    async def _respond(self, error: RanerError, status: int) -> None:
        self._started = True
        self.code = error.code
        response = Response(error_body(error), status, error_headers(error), _JSON)
        self._finish(response.headers)
        if isinstance(error, MethodNotAllowed):
            response.headers["allow"] = "POST" if error.message.endswith("POST") else "GET, HEAD"
        with suppress(ClientDisconnect):
            await response(self._scope, self._receive, self._send)

    def _finish(self, headers: MutableHeaders) -> None:
        for name, value in SECURITY_HEADERS.items():
            headers[name] = value
        headers[_REQUEST_ID_HEADER] = self._identity
