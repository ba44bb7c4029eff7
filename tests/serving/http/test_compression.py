from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from typing import Any

import pytest
from backports import zstd
from starlette.responses import Response, StreamingResponse

from ner_runtime.serving.http.compression import MIN_BYTES, compressed, negotiate

pytestmark = pytest.mark.anyio

JSON = "application/json"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0, zstd; q=0.1", "zstd"),
        ("*", "zstd"),
        ("*;q=0", None),
        ("gzip, *;q=0", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("gzip;q=x", None),
        (",;,=,;q=", None),
    ],
)
async def test_the_coding_that_the_client_prefers_is_chosen(accepted: str, coding: str | None) -> None:
    assert negotiate(accepted) == coding


async def respond(response: Response, accepted: str = "gzip", method: str = "GET") -> tuple[dict[str, str], bytes]:
    """Headers and body of a response that goes through the compression."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    await response({"type": "http", "method": method}, receive, compressed(send, method, accepted))
    start, *body = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return headers, b"".join(message["body"] for message in body)


BODY = "马云在杭州。".encode() * 1000


@pytest.mark.parametrize("size", [MIN_BYTES + 1, len(BODY), 1_000_000])
async def test_a_large_response_is_compressed(size: int) -> None:
    content = (BODY * (size // len(BODY) + 1))[:size]
    headers, body = await respond(Response(content, media_type=JSON))
    assert (headers["content-encoding"], headers["content-length"]) == ("gzip", str(len(body)))
    assert gzip.decompress(body) == content
    headers, body = await respond(Response(content, media_type=JSON), "zstd")
    assert (headers["content-encoding"], headers["content-length"]) == ("zstd", str(len(body)))
    assert zstd.decompress(body) == content


@pytest.mark.parametrize(
    ("response", "accepted", "method"),
    [
        (Response(BODY[:MIN_BYTES], media_type=JSON), "gzip", "GET"),
        (Response(BODY, media_type=JSON), "", "GET"),
        (Response(BODY, media_type=JSON), "br", "GET"),
        (Response(BODY, media_type="image/png"), "gzip", "GET"),
        (Response(BODY, headers={"content-encoding": "br"}, media_type=JSON), "gzip", "GET"),
        (Response(b"", 304, media_type=JSON), "gzip", "GET"),
        (Response(BODY, media_type=JSON), "gzip", "HEAD"),
    ],
)
async def test_any_other_response_is_sent_as_it_is(response: Response, accepted: str, method: str) -> None:
    sent = dict(response.headers), bytes(response.body)
    assert await respond(response, accepted, method) == sent


async def stream(parts: Sequence[bytes]) -> Any:
    for part in parts:
        yield part


async def test_a_response_in_parts_is_compressed_as_one() -> None:
    response = StreamingResponse(stream([BODY] * 3), headers={"content-length": str(3 * len(BODY))}, media_type=JSON)
    headers, body = await respond(response)
    assert "content-length" not in headers
    assert gzip.decompress(body) == BODY * 3


async def test_the_entity_tag_of_a_compressed_response_is_weak() -> None:
    headers, _ = await respond(Response(BODY, headers={"etag": '"abc"'}, media_type=JSON))
    assert headers["etag"] == 'W/"abc"'
    headers, _ = await respond(Response(BODY, headers={"etag": 'W/"abc"'}, media_type=JSON))
    assert headers["etag"] == 'W/"abc"'
