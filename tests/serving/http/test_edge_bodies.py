"""The edge: request bodies, their media type, content coding, size and arrival."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request

from ner_runtime.serving.api.errors import TimedOut
from ner_runtime.serving.api.messages import BODY_ARRIVED
from ner_runtime.serving.http.admission.limits import Admission
from ner_runtime.serving.http.bodies import BodyReader
from ner_runtime.serving.telemetry.deferred import DEFERRED
from tests.support.http.edge_service import MAX_BODY_BYTES, Make, error, scope

pytestmark = pytest.mark.anyio


async def test_a_body_is_parsed_and_passed_on(make: Make) -> None:
    response = await make().post("/echo", b"x" * 100)
    assert (response.status_code, response.text) == (200, f"{'x' * 100} 100")


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


async def test_a_body_that_has_arrived_needs_no_time_limit() -> None:
    async def receive() -> dict[str, Any]:
        # The time limit ends now.
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"text", "more_body": False}

    async def read(**state: object) -> bytes:
        request = Request({**scope("/echo"), "state": state}, receive)
        admission = Admission(max_concurrency=1, max_body_bytes=100)
        return await BodyReader(100, timeout_s=0).read(request, "", admission)

    with pytest.raises(TimedOut):
        await read()
    assert await read(**{BODY_ARRIVED: True}) == b"text"


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


async def test_bytes_of_arriving_bodies_are_limited(make: Make) -> None:
    service = make()
    service.admission.add_arriving(service.admission.max_arriving_bytes - 79)
    assert error(await service.post("/echo", b"x" * 80)) == (429, "overloaded")
    service.admission.remove_arriving(1)
    assert (await service.post("/echo", b"x" * 80)).status_code == 200
