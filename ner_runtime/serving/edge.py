"""Edge: the outermost layer of the service. What does not get past it costs BentoML and the model nothing.

It knows which paths and methods there are, reads a body only where one belongs and only up to the limit, checks keys,
and turns bodies into requests; it puts the one error shape on whatever comes back, and the security headers on
everything. It knows nothing of models. ASGI 3.0, https://asgi.readthedocs.io/en/latest/specs/www.html.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ner_runtime.errors import RanerError
from ner_runtime.serving.errors import (
    BodyTooLarge,
    MethodNotAllowed,
    NotFound,
    TimedOut,
    Unauthorized,
    UnsupportedMediaType,
    error_body,
    error_headers,
    error_of_status,
    status_of,
)

PARSED = "raner_request"
"""Key of `scope["state"]` under which a request that got past the edge waits, as a `Parsed`."""

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

_JSON = "application/json"
_READ = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Parsed:
    """A request body that was read and is valid, and when it came (`perf_counter` seconds)."""

    body: object
    received: float


@dataclass(frozen=True, slots=True)
class Routes:
    """The paths that there are: those that are read, and those that take a body, with the function that reads it."""

    pages: frozenset[str]
    bodies: Mapping[str, Callable[[bytes], object]]


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What the edge lets in. `key_digests`: hex sha256 of each API key; empty where none is asked for."""

    max_body_bytes: int
    timeout_s: float
    key_digests: tuple[str, ...] = ()


Observer = Callable[[str, int, float], None]
"""Told of every answer: its path, its status and the seconds it took."""


@dataclass(frozen=True, slots=True)
class Edge:
    """ASGI application around another one."""

    app: ASGIApp
    routes: Routes
    limits: EdgeLimits
    observe: Observer = field(default=lambda _path, _status, _seconds: None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            # A WebSocket: there is none here, and closing before accepting answers 403.
            await send({"type": "websocket.close"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = perf_counter()
        answer = _Answer(scope, receive, send)
        try:
            body = await self._admit(Request(scope, receive))
            if body is None:
                await self.app(scope, receive, answer.send)
            else:
                request = self.routes.bodies[scope["path"]](body)
                scope.setdefault("state", {})[PARSED] = Parsed(request, received)
                await self.app(scope, _replay(body, receive), answer.send)
        except ClientDisconnect:
            return
        except RanerError as error:
            await answer.error(error)
        self.observe(self._label(scope["path"]), answer.status, perf_counter() - received)

    def _label(self, path: str) -> str:
        # Labels of metrics must stay few, whatever paths are asked for.
        return path if path in self.routes.pages or path in self.routes.bodies else "other"

    async def _admit(self, request: Request) -> bytes | None:
        """The body, where the path takes one; None where it is a page."""
        path = request.scope["path"]
        if path in self.routes.pages:
            if request.method not in _READ:
                raise MethodNotAllowed(f"{request.method} is not allowed here; allowed: GET")
            return None
        if path not in self.routes.bodies:
            raise NotFound("there is nothing at this path; GET /docs lists what there is")
        if request.method != "POST":
            raise MethodNotAllowed(f"{request.method} is not allowed here; allowed: POST")
        self._check_key(request.headers)
        _check_media_type(request.headers)
        return await self._read(request)

    def _check_key(self, headers: Headers) -> None:
        if not self.limits.key_digests:
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        digest = hashlib.sha256(key.encode("latin-1")).hexdigest()
        # Every digest is compared, each in constant time, so that the time taken tells nothing of the keys.
        matches = [hmac.compare_digest(digest, allowed) for allowed in self.limits.key_digests]
        if not any(matches):
            raise Unauthorized("an API key is needed: Authorization: Bearer KEY" if not key else "the API key is wrong")

    async def _read(self, request: Request) -> bytes:
        limit = self.limits.max_body_bytes
        too_large = BodyTooLarge(f"the body is larger than {limit} bytes")
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise too_large
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > limit:
                        raise too_large
                    chunks.append(chunk)
        except TimeoutError:
            raise TimedOut("the request did not arrive in time") from None
        return b"".join(chunks)


class _Answer:
    """Passes an answer on; one with an error status that is not in the one error shape is put into it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._replaced = False
        self.status = 500

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=list(message["headers"]))
            if self.status >= HTTPStatus.BAD_REQUEST and OURS not in headers:
                self._replaced = True
                await self._respond(error_of_status(self.status), self.status)
                return
            del headers[OURS]
            _add_security(headers)
            message = {**message, "headers": headers.raw}
        if not self._replaced:
            await self._send(message)

    async def error(self, error: RanerError) -> None:
        self.status = status_of(error)
        await self._respond(error, self.status)

    async def _respond(self, error: RanerError, status: int) -> None:
        response = Response(error_body(error), status, error_headers(error), _JSON)
        _add_security(response.headers)
        if isinstance(error, MethodNotAllowed):
            response.headers["allow"] = "POST" if error.message.endswith("POST") else "GET, HEAD"
        await response(self._scope, self._receive, self._send)


def _add_security(headers: MutableHeaders) -> None:
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value


def _check_media_type(headers: Headers) -> None:
    media_type, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = parameters.partition("charset=")[2].strip().strip('"')
    if media_type.strip() != _JSON or charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType(f"the body must be sent as Content-Type: {_JSON}, in UTF-8")


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once more, to whatever counts bytes behind the edge."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
