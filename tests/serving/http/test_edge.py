"""The edge around a small application, without a server: what gets in, what is turned back, what comes out."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ner_runtime.errors import InvalidValue
from ner_runtime.serving.api.access_record import AccessRecord
from ner_runtime.serving.http.admission import Rate
from ner_runtime.serving.http.edge import OURS, PARSED, SECURITY_HEADERS, Edge, EdgeLimits, Routes
from ner_runtime.serving.telemetry.logs import JsonLogFormatter

JSON = {"content-type": "application/json"}
observed: list[AccessRecord] = []


async def echo(request: Request) -> Response:
    parsed = request.scope["state"][PARSED].body
    again = await request.body()
    return PlainTextResponse(f"{parsed} {len(again)}")


async def slow(request: Request) -> Response:
    gone = request.scope["state"][PARSED].gone
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(gone), 0.3)
    return PlainTextResponse("left" if gone.done() else "stayed")


async def raising(_request: Request) -> Response:
    raise KeyError("马云")


async def page(_request: Request) -> Response:
    return PlainTextResponse("page")


async def broken(_request: Request) -> Response:
    return PlainTextResponse("Traceback: /secret/path", 500)


async def full(_request: Request) -> Response:
    return PlainTextResponse("Too many requests", 429)


async def ours(_request: Request) -> Response:
    return Response(b'{"ours":true}', 422, {OURS: "invalid_value"}, "application/json")


def read(body: bytes) -> str:
    if body == b"bad":
        raise InvalidValue("bad")
    return f"read {len(body)}"


def edge(key_digests: tuple[str, ...] = (), timeout_s: float = 5, **more: Any) -> Edge:
    app = Starlette(
        routes=[
            Route("/echo", echo, methods=["POST"]),
            Route("/slow", slow, methods=["POST"]),
            *(Route(path, endpoint) for path, endpoint in PAGES.items()),
        ]
    )
    routes = Routes(frozenset({*PAGES, "/gone", "/static/app.css"}), {"/echo": read, "/slow": read})
    observed.clear()
    limits = EdgeLimits(100, timeout_s, key_digests=key_digests, **more)
    return Edge(app, routes, limits, observed.append)


PAGES = {"/": page, "/broken": broken, "/full": full, "/ours": ours, "/raising": raising}


def ask(app: Edge, method: str, path: str, **arguments: Any) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, path, **arguments)

    return asyncio.run(asked())


def code(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert answer["success"] is False
    assert answer["error"]["message"]
    return str(answer["error"]["code"])


def test_a_body_is_read_once_and_handed_on() -> None:
    answer = ask(edge(), "POST", "/echo", content=b"x" * 100, headers=JSON)
    assert (answer.status_code, answer.text) == (200, "read 100 100")


def test_a_page_and_the_security_headers() -> None:
    for method in ("GET", "HEAD"):
        answer = ask(edge(), method, "/")
        assert answer.status_code == 200
        assert SECURITY_HEADERS.items() <= dict(answer.headers).items()
    assert "unsafe" not in SECURITY_HEADERS["content-security-policy"]


@pytest.mark.parametrize(
    ("method", "path", "status", "expected"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/%2e%2e/etc/passwd", 404, "not_found"),
        ("GET", "/gone", 404, "not_found"),
        ("POST", "/", 405, "method_not_allowed"),
        ("GET", "/echo", 405, "method_not_allowed"),
        ("PUT", "/echo", 405, "method_not_allowed"),
        ("OPTIONS", "/echo", 405, "method_not_allowed"),
    ],
)
def test_paths_and_methods_that_are_not_there(method: str, path: str, status: int, expected: str) -> None:
    answer = ask(edge(), method, path, headers=JSON)
    assert (answer.status_code, code(answer)) == (status, expected)
    assert ("allow" in answer.headers) == (status == 405)
    assert SECURITY_HEADERS.items() <= dict(answer.headers).items()


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
def test_a_body_that_is_not_declared_as_json_is_not_read(content_type: str) -> None:
    answer = ask(edge(), "POST", "/echo", content=b"{}", headers={"content-type": content_type})
    assert (answer.status_code, code(answer)) == (415, "unsupported_media_type")


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
def test_json_in_all_its_spellings(content_type: str) -> None:
    assert ask(edge(), "POST", "/echo", content=b"{}", headers={"content-type": content_type}).status_code == 200


def test_a_large_body_is_turned_back_whether_its_length_is_declared_or_not() -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(101):
            yield b"x"

    for content in (b"x" * 101, stream()):
        answer = ask(edge(), "POST", "/echo", content=content, headers=JSON)
        assert (answer.status_code, code(answer)) == (413, "body_too_large")


def test_a_body_that_does_not_arrive_in_time() -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(1)
        yield b"x"

    async def asked() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def never() -> dict[str, Any]:
            await asyncio.sleep(10)
            return {}

        scope = {"type": "http", "method": "POST", "path": "/echo", "headers": [(b"content-type", b"application/json")]}

        async def send(message: Any) -> None:
            sent.append(message)

        await edge(timeout_s=0.05)(scope, never, send)
        return sent

    start, _ = asyncio.run(asked())
    assert start["status"] == 504
    assert (b"connection", b"close") in start["headers"]


def test_a_client_that_leaves_is_let_go() -> None:
    async def asked() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            raise AssertionError(f"answered {message}")

        scope = {"type": "http", "method": "POST", "path": "/echo", "headers": [(b"content-type", b"application/json")]}
        await edge()(scope, receive, send)

    asyncio.run(asked())


def test_what_the_reader_refuses_never_reaches_the_application() -> None:
    answer = ask(edge(), "POST", "/echo", content=b"bad", headers=JSON)
    assert (answer.status_code, code(answer)) == (422, "invalid_value")


def test_errors_of_the_application_are_put_into_the_one_shape_and_leak_nothing() -> None:
    answer = ask(edge(), "GET", "/broken")
    assert (answer.status_code, code(answer)) == (500, "internal")
    assert "secret" not in answer.text
    answer = ask(edge(), "GET", "/full")
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (429, "overloaded", "1")


def test_errors_of_ours_pass_as_they_are() -> None:
    answer = ask(edge(), "GET", "/ours")
    assert (answer.status_code, answer.json()) == (422, {"ours": True})
    assert OURS not in answer.headers


def test_keys() -> None:
    guarded = edge((hashlib.sha256(b"right").hexdigest(), hashlib.sha256(b"also").hexdigest()))
    for headers in ({"authorization": "Bearer right"}, {"authorization": "bearer  also"}, {"x-api-key": "right"}):
        assert ask(guarded, "POST", "/echo", content=b"{}", headers=JSON | headers).status_code == 200
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic right"}, {"x-api-key": "é"}):
        encoded = {name: value.encode("latin-1") for name, value in (JSON | headers).items()}
        answer = ask(guarded, "POST", "/echo", content=b"{}", headers=encoded)
        assert (answer.status_code, code(answer), answer.headers["www-authenticate"]) == (401, "unauthorized", "Bearer")
    assert ask(guarded, "GET", "/").status_code == 200


def test_every_answer_is_observed_under_a_path_that_is_known() -> None:
    app = edge()
    for path in ("/", "/a", "/b", "/full", "/static/app.css"):
        ask(app, "GET", path)
    seen = [(answer.path, answer.status, answer.code) for answer in observed]
    assert seen == [
        ("/", 200, None),
        ("other", 404, "not_found"),
        ("other", 404, "not_found"),
        ("/full", 429, "overloaded"),
        ("/static", 404, "not_found"),
    ]


def test_an_exception_becomes_the_one_shape_and_the_log_has_its_type_but_not_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = ask(edge(), "GET", "/raising")
    assert (answer.status_code, code(answer)) == (500, "internal")
    [record] = caplog.records
    assert record.exc_info is not None
    assert "KeyError" in JsonLogFormatter().format(record)
    assert "马云" not in answer.text + JsonLogFormatter().format(record)


@pytest.mark.parametrize("given", ["abc-1.2:3", None, "", "a" * 129, "a b", 'x"y'])
def test_a_request_id_is_kept_if_it_may_stand_in_a_log_and_made_otherwise(given: str | None) -> None:
    app = edge()
    for path in ("/", "/nowhere"):
        answer = ask(app, "GET", path, headers={} if given is None else {"x-request-id": given})
        returned = answer.headers["x-request-id"]
        assert (returned == given) if given == "abc-1.2:3" else (len(returned) == 32)


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity", "deflate"])
def test_a_compressed_body_is_not_read(encoding: str) -> None:
    answer = ask(edge(), "POST", "/echo", content=b"x", headers=JSON | {"content-encoding": encoding})
    assert (answer.status_code, code(answer)) == (415, "unsupported_media_type")


def test_one_more_than_may_be_in_flight_is_turned_back_and_pages_are_not() -> None:
    app = edge(max_concurrency=2)

    async def asked() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            posts = [client.post("/slow", content=b"x", headers=JSON) for _ in range(5)]
            answers = await asyncio.gather(*posts, client.get("/"))
            return [answer.status_code for answer in answers]

    *posts, read = asyncio.run(asked())
    assert sorted(posts) == [200, 200, 429, 429, 429]
    assert read == 200
    assert app.in_flight.count == 0
    assert ask(app, "POST", "/slow", content=b"x", headers=JSON).text == "stayed"


def test_bodies_that_arrive_at_once_hold_no_more_memory_than_they_may() -> None:
    app = edge()
    for _ in range(app.in_flight.most_bytes // 80):
        app.in_flight.arrived(80)
    answer = ask(app, "POST", "/echo", content=b"x" * 80, headers=JSON)
    assert (answer.status_code, code(answer)) == (429, "overloaded")
    app.in_flight.left(80)
    assert ask(app, "POST", "/echo", content=b"x" * 80, headers=JSON).status_code == 200


def test_a_client_that_leaves_is_noticed_by_those_who_work_for_it() -> None:
    async def asked() -> list[bytes]:
        sent: list[bytes] = []
        messages = [{"type": "http.request", "body": b"x"}, {"type": "http.disconnect"}]

        async def receive() -> dict[str, Any]:
            return messages.pop(0) if messages else await asyncio.sleep(10, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            sent.append(message.get("body", b""))

        scope = {"type": "http", "method": "POST", "path": "/slow", "headers": [(b"content-type", b"application/json")]}
        await edge()(scope, receive, send)
        return sent

    assert b"left" in asyncio.run(asked())


def test_a_client_has_its_own_rate_and_an_address_is_believed_of_known_proxies_only() -> None:
    def statuses(app: Edge, addresses: list[str]) -> list[int]:
        headers = [JSON | {"x-forwarded-for": address} for address in addresses]
        return [ask(app, "POST", "/echo", content=b"x", headers=one).status_code for one in headers]

    rate = Rate(2, 60)
    assert statuses(edge(rate=rate), ["1.1.1.1", "2.2.2.2", "3.3.3.3"]) == [200, 200, 429]
    invented = ["9.9.9.9, 1.1.1.1", "8.8.8.8, 1.1.1.1", "7.7.7.7,1.1.1.1", "2.2.2.2"]
    assert statuses(edge(rate=rate, trusted_proxies=1), invented) == [200, 200, 429, 200]
    limited = ask(app := edge(rate=Rate(1, 60)), "POST", "/echo", content=b"x", headers=JSON)
    assert limited.status_code == 200
    limited = ask(app, "POST", "/echo", content=b"x", headers=JSON)
    assert (code(limited), limited.headers["retry-after"]) == ("rate_limited", "60")
    assert ask(app, "GET", "/").status_code == 200
