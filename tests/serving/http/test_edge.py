"""The edge: routes, errors, request ids and limits."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from ner_runtime.serving.api.messages import API_REQUEST, DISCONNECTED
from ner_runtime.serving.http.admission.limits import Rate
from ner_runtime.serving.http.headers import SECURITY_HEADERS
from ner_runtime.serving.telemetry.logs import JsonLogFormatter
from tests.support.http.edge_service import JSON, Make, api_request, error, scope

pytestmark = pytest.mark.anyio


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


async def test_what_was_parsed_is_released_with_the_response(make: Make) -> None:
    scopes: list[Any] = []

    async def keep_scope(request: Request) -> Response:
        scopes.append(request.scope)
        return PlainTextResponse("")

    service = make(endpoints={"/keep": keep_scope})
    assert (await service.post("/keep")).status_code == 200
    assert API_REQUEST not in scopes[0]["state"]


async def test_a_rate_limit_says_when_to_retry(make: Make) -> None:
    service = make(rate=Rate(1, 60))
    assert (await service.post("/echo")).status_code == 200
    response = await service.post("/echo")
    assert (error(response), response.headers["retry-after"]) == ((429, "rate_limited"), "60")
    assert (await service.request("GET", "/")).status_code == 200
