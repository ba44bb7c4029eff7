"""The edge around a small application, without a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ner_runtime.errors import InvalidValue
from ner_runtime.serving.api.access_record import AccessRecord
from ner_runtime.serving.api.errors import error_response
from ner_runtime.serving.api.messages import API_REQUEST, ApiRequest
from ner_runtime.serving.api.model_status import ModelStatus
from ner_runtime.serving.api.requests import NerRequest
from ner_runtime.serving.http.admission.limits import Admission
from ner_runtime.serving.http.bodies import BodyReader
from ner_runtime.serving.http.edge import Edge
from ner_runtime.serving.http.pages import Pages
from ner_runtime.serving.telemetry.deferred import DEFERRED

JSON = {"content-type": "application/json"}
MAX_BODY_BYTES = 100


def parse(body: bytes) -> NerRequest:
    if body == b"bad":
        raise InvalidValue("bad")
    return NerRequest(text=body.decode())


def api_request(request: Request) -> ApiRequest[NerRequest]:
    return request.scope["state"][API_REQUEST]


async def echo(request: Request) -> Response:
    return PlainTextResponse(f"{api_request(request).body.text} {len(await request.body())}")


async def wrong(_request: Request) -> Response:
    return error_response(InvalidValue("wrong"))


async def raising(_request: Request) -> Response:
    raise KeyError("马云")


async def server_error(_request: Request) -> Response:
    return PlainTextResponse("Traceback: /secret/path", 500)


async def too_many(_request: Request) -> Response:
    return PlainTextResponse("Too many requests", 429)


class Service:
    """The edge around an application whose endpoints answer `POST /NAME`, with what it observed."""

    def __init__(
        self,
        static: Path,
        *,
        timeout_s: float = 5,
        max_concurrency: int = 64,
        endpoints: dict[str, Callable[[Request], Awaitable[Response]]] | None = None,
        **admission: Any,
    ) -> None:
        paths = {
            "/echo": echo,
            "/wrong": wrong,
            "/raising": raising,
            "/server_error": server_error,
            "/too_many": too_many,
            **(endpoints or {}),
        }
        app = Starlette(routes=[Route(path, endpoint, methods=["POST"]) for path, endpoint in paths.items()])
        self.records: list[AccessRecord] = []
        self.admission = Admission(max_concurrency=max_concurrency, max_body_bytes=MAX_BODY_BYTES, **admission)
        self.edge = Edge(
            app,
            Pages(static, {"default": ModelStatus()}),
            dict.fromkeys(paths, parse),
            self.admission,
            BodyReader(MAX_BODY_BYTES, timeout_s),
            timeout_s,
            self.records.append,
        )

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.edge), base_url="http://test")

    async def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        async with self.client() as client:
            response = await client.request(method, path, **arguments)
        DEFERRED.flush()
        return response

    async def post(self, path: str, content: Any = b"text", **headers: Any) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.request("POST", path, content=content, headers=JSON | named)


Make = Callable[..., Service]


def scope(path: str) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": path, "headers": [(b"content-type", b"application/json")]}


def error(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["success"] is False
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"]
