"""The edge around a small application, without a server."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from ner_runtime.errors import InvalidValue
from ner_runtime.serving.api.access_record import AccessRecord
from ner_runtime.serving.api.errors import error_response
from ner_runtime.serving.api.messages import API_REQUEST, DISCONNECTED, ApiRequest
from ner_runtime.serving.api.model_status import ModelStatus
from ner_runtime.serving.api.requests import NerRequest
from ner_runtime.serving.http.admission.limits import Admission, Rate
from ner_runtime.serving.http.bodies import BodyReader
from ner_runtime.serving.http.edge import Edge
from ner_runtime.serving.http.headers import SECURITY_HEADERS
from ner_runtime.serving.http.pages import Pages
from ner_runtime.serving.telemetry.deferred import DEFERRED
from ner_runtime.serving.telemetry.logs import JsonLogFormatter

pytestmark = pytest.mark.anyio

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


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a service with the given settings."""
    for name in ("index.html", "docs.html", "app.css"):
        (tmp_path / name).write_text(name)
    return lambda **settings: Service(tmp_path, **settings)


def scope(path: str) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": path, "headers": [(b"content-type", b"application/json")]}


def error(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["success"] is False
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"]


async def test_a_body_is_parsed_and_passed_on(make: Make) -> None:
    response = await make().post("/echo", b"x" * 100)
    assert (response.status_code, response.text) == (200, f"{'x' * 100} 100")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_page_has_the_security_headers(make: Make, method: str) -> None:
    response = await make().request(method, "/")
    assert response.status_code == 200
    assert SECURITY_HEADERS.items() <= dict(response.headers).items()
    assert "unsafe" not in SECURITY_HEADERS["content-security-policy"]


@pytest.mark.parametrize("path", ["/nowhere", "/%2e%2e/etc/passwd", "/static/nothing.css"])
async def test_an_unknown_path_is_not_found(make: Make, path: str) -> None:
    response = await make().request("GET", path)
    assert error(response) == (404, "not_found")
    assert SECURITY_HEADERS.items() <= dict(response.headers).items()


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/livez", "GET, HEAD"),
        ("GET", "/echo", "POST"),
        ("PUT", "/echo", "POST"),
        ("OPTIONS", "/echo", "POST"),
    ],
)
async def test_an_unsupported_method_is_refused_with_the_supported_ones(
    make: Make, method: str, path: str, allow: str
) -> None:
    response = await make().request(method, path, headers=JSON)
    assert error(response) == (405, "method_not_allowed")
    assert response.headers["allow"] == allow


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/xml",
        "application/json; charset=gbk",
        "application/vnd.bentoml+pickle",
        "json",
        "a" * 60_000,
    ],
)
async def test_a_body_that_is_not_declared_as_json_is_refused(make: Make, content_type: str) -> None:
    assert error(await make().post("/echo", content_type=content_type)) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/json; charset=utf-8; version=1",
        "application/json; xcharset=gbk",
        "application/json" + ";" * 60_000,
    ],
)
async def test_json_is_recognized_in_every_spelling(make: Make, content_type: str) -> None:
    assert (await make().post("/echo", content_type=content_type)).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "identity, gzip"])
async def test_a_compressed_body_is_read(make: Make, encoding: str) -> None:
    response = await make().post("/echo", gzip.compress(b"x" * 100), content_encoding=encoding)
    assert (response.status_code, response.text) == (200, f"{'x' * 100} 100")


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "gzip, br", "x"])
async def test_an_unsupported_content_coding_is_refused(make: Make, encoding: str) -> None:
    assert error(await make().post("/echo", content_encoding=encoding)) == (415, "unsupported_media_type")


async def test_a_body_that_is_not_valid_for_its_content_coding_is_refused(make: Make) -> None:
    for content in (b"text", gzip.compress(b"text")[:-1]):
        assert error(await make().post("/echo", content, content_encoding="gzip")) == (400, "malformed_request")


async def test_a_compressed_body_is_limited_after_decompression(make: Make) -> None:
    bomb = gzip.compress(bytes(60_000))
    assert len(bomb) <= MAX_BODY_BYTES
    service = make()
    assert error(await service.post("/echo", bomb, content_encoding="gzip")) == (413, "body_too_large")
    assert service.admission.arriving_bytes == 0


async def test_a_large_body_is_refused_with_and_without_a_declared_length(make: Make) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES + 1):
            yield b"x"

    for content in (b"x" * (MAX_BODY_BYTES + 1), stream()):
        assert error(await make().post("/echo", content)) == (413, "body_too_large")


async def test_a_body_that_does_not_arrive_in_time_is_refused_and_the_connection_closed(make: Make) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    await make(timeout_s=0.01).edge(scope("/echo"), receive, send)
    start, _ = sent
    assert start["status"] == 504
    assert (b"connection", b"close") in start["headers"]


async def test_a_client_that_disconnects_while_it_sends_gets_no_response(make: Make) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(f"sent {message}")

    service = make()
    await service.edge(scope("/echo"), receive, send)
    DEFERRED.flush()
    [record] = service.records
    assert (record.status, record.code) == (499, "client_gone")


async def test_an_invalid_body_does_not_reach_the_application(make: Make) -> None:
    assert error(await make().post("/echo", b"bad")) == (422, "invalid_value")


async def test_an_error_response_of_the_service_is_passed_on(make: Make) -> None:
    service = make()
    response = await service.post("/wrong")
    assert error(response) == (422, "invalid_value")
    assert response.json()["error"]["message"] == "wrong"
    assert SECURITY_HEADERS.items() <= dict(response.headers).items()
    assert service.records[0].code == "invalid_value"


async def test_any_other_error_response_is_replaced_and_reveals_nothing(make: Make) -> None:
    response = await make().post("/server_error")
    assert error(response) == (500, "internal")
    assert "secret" not in response.text
    response = await make().post("/too_many")
    assert (error(response), response.headers["retry-after"]) == ((429, "overloaded"), "1")


async def test_an_exception_is_an_internal_error_and_the_log_has_its_type_but_not_its_message(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    response = await make().post("/raising")
    assert error(response) == (500, "internal")
    [record] = caplog.records
    assert record.exc_info is not None
    assert "KeyError" in JsonLogFormatter().format(record)
    assert "马云" not in response.text + JsonLogFormatter().format(record)


async def test_keys_are_required_for_requests_with_a_body_but_not_for_pages(make: Make) -> None:
    service = make(key_digests=[hashlib.sha256(b"right").hexdigest()])
    assert (await service.post("/echo", authorization="Bearer right")).status_code == 200
    response = await service.post("/echo", authorization="Bearer wrong")
    assert error(response) == (401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"
    assert (await service.request("GET", "/")).status_code == 200


async def test_every_response_is_recorded_under_a_known_path(make: Make) -> None:
    service = make()
    for path in ("/", "/a", "/b", "/static/app.css"):
        await service.request("GET", path)
    await service.post("/too_many")
    assert [(record.path, record.status, record.code) for record in service.records] == [
        ("/", 200, None),
        ("other", 404, "not_found"),
        ("other", 404, "not_found"),
        ("/static", 200, None),
        ("/too_many", 429, "overloaded"),
    ]


@pytest.mark.parametrize("path", ["/", "/nowhere"])
async def test_a_valid_request_id_is_returned(make: Make, path: str) -> None:
    response = await make().request("GET", path, headers={"x-request-id": "abc-1.2:3"})
    assert response.headers["x-request-id"] == "abc-1.2:3"


@pytest.mark.parametrize("sent", [None, "", "a" * 129, "a b", "a\tb", "\xe9", '{"a":1}'])
async def test_a_missing_or_invalid_request_id_is_replaced_by_a_new_one(make: Make, sent: str | None) -> None:
    headers = {} if sent is None else {"x-request-id": sent.encode("latin-1")}
    responses = [await make().request("GET", "/", headers=headers) for _ in range(2)]
    ids = {response.headers["x-request-id"] for response in responses}
    assert len(ids) == 2
    assert all(len(id_) == 32 for id_ in ids)


async def test_responses_are_compressed_and_say_that_they_vary(make: Make) -> None:
    async def long(_request: Request) -> Response:
        return PlainTextResponse("云" * 1000)

    service = make(endpoints={"/long": long})
    response = await service.post("/long", accept_encoding="gzip")
    assert (response.text, response.headers["content-encoding"]) == ("云" * 1000, "gzip")
    assert (await service.post("/long", accept_encoding="identity")).headers["vary"] == "accept-encoding"


async def test_requests_in_flight_are_limited_and_pages_are_not(make: Make) -> None:
    released = asyncio.Event()
    arrived = asyncio.Semaphore(0)

    async def waiting(_request: Request) -> Response:
        arrived.release()
        await released.wait()
        return PlainTextResponse("done")

    service = make(max_concurrency=2, endpoints={"/waiting": waiting})
    first = [asyncio.ensure_future(service.post("/waiting")) for _ in range(2)]
    for _ in range(2):
        await arrived.acquire()
    assert [error(await service.post("/waiting")) for _ in range(3)] == [(429, "overloaded")] * 3
    assert (await service.request("GET", "/")).status_code == 200
    released.set()
    assert [(await response).status_code for response in first] == [200, 200]
    assert service.admission.in_flight == 0
    assert (await service.post("/waiting")).status_code == 200


async def test_bytes_of_arriving_bodies_are_limited(make: Make) -> None:
    service = make()
    service.admission.add_arriving(service.admission.max_arriving_bytes - 79)
    assert error(await service.post("/echo", b"x" * 80)) == (429, "overloaded")
    service.admission.remove_arriving(1)
    assert (await service.post("/echo", b"x" * 80)).status_code == 200


async def test_the_application_can_wait_until_the_client_disconnects(make: Make) -> None:
    disconnected = asyncio.get_running_loop().create_future()
    seen: list[object] = []

    async def endpoint(request: Request) -> Response:
        seen.append(api_request(request).disconnected)
        return PlainTextResponse("")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x"}

    async def send(_message: Any) -> None:
        pass

    await make(endpoints={"/": endpoint}).edge(scope("/") | {"state": {DISCONNECTED: disconnected}}, receive, send)
    assert seen == [disconnected]


async def test_a_response_that_is_not_ready_in_time_is_an_error(make: Make) -> None:
    cancelled: list[bool] = []

    async def endless(_request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        raise AssertionError

    service = make(timeout_s=0.05, endpoints={"/endless": endless})
    response = await service.post("/endless")
    assert (error(response), response.headers["connection"]) == ((504, "timed_out"), "close")
    assert cancelled == [True], "the work goes on"
    assert service.admission.in_flight == 0


async def test_a_response_that_has_begun_may_take_longer_than_the_time_limit(make: Make) -> None:
    async def slow(_request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"a"
            await asyncio.sleep(0.1)
            yield b"b"

        return StreamingResponse(parts())

    response = await make(timeout_s=0.05, endpoints={"/slow": slow}).post("/slow")
    assert (response.status_code, response.text) == (200, "ab")


async def test_a_rate_limit_says_when_to_retry(make: Make) -> None:
    service = make(rate=Rate(1, 60))
    assert (await service.post("/echo")).status_code == 200
    response = await service.post("/echo")
    assert (error(response), response.headers["retry-after"]) == ((429, "rate_limited"), "60")
    assert (await service.request("GET", "/")).status_code == 200
