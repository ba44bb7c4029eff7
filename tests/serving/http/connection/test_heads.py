"""Heads and framing: malformed requests get one error response, and no byte after them is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
import uvicorn
from uvicorn.server import ServerState

from ner_runtime.serving.http.connection import heads, protocol
from ner_runtime.serving.http.connection.protocol import HttpProtocol
from ner_runtime.serving.http.headers import SECURITY_HEADERS
from tests.support.http.echo_server import SMUGGLED, echo, exchange, seen
from tests.support.http.raw_http import RawConnection, post

MALFORMED_HEADS = [
    b"Content-Length: 2\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 2",
    b"Content-Length: 2\r\nContent-Length: 3",
    b"Content-Length: 2, 2",
    b"Content-Length: +2",
    b"Content-Length: -1",
    b"Content-Length: 0x2",
    b"Content-Length: 2 2",
    b"Content-Length: ",
    b"Content-Length: 99999999999999999999999",
    b"Content-Length : 2",
    b"Content-Length:\r\n 2",
    b"X: a\r\n b\r\nContent-Length: 2",
    b"X: a\nContent-Length: 2",
    b"X: a\rY: b\r\nContent-Length: 2",
    b"X: a\0b\r\nContent-Length: 2",
    b"Transfer-Encoding: identity\r\nContent-Length: 2",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, gzip",
    b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding : chunked",
    b"Host: y\r\nContent-Length: 2",
]


NOT_HTTP = [
    b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://x:99999999/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/1.2\r\n\r\n",
    b"GET\t/ HTTP/1.1\r\n\r\n",
    b"get / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01" * 99,
    b"\x00\xff\r\n\r\n",
]


def malformed(head: bytes) -> bytes:
    return b"POST /a HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n"


@pytest.mark.parametrize("sent", [*map(malformed, MALFORMED_HEADS), *NOT_HTTP])
def test_a_malformed_request_gets_one_error_response_and_nothing_after_it_is_read(url: str, sent: bytes) -> None:
    with RawConnection(url) as connection:
        [response] = connection.send(sent + SMUGGLED).rest()
    assert response.status == 400
    assert json.loads(response.body)["error"]["code"] == "malformed_request"
    assert SECURITY_HEADERS.items() <= response.headers.items()
    assert (response.headers["content-type"], response.headers["connection"]) == ("application/json", "close")


@pytest.mark.parametrize(
    "chunks", [b"zz\r\n", b"2\nhi\n0\n\n", b"2 \r\nhi\r\n", b"+2\r\nhi\r\n", b"2\r\nhiXX", b"1" * 20 + b"\r\n"]
)
def test_a_body_with_malformed_chunks_gets_one_error_response(url: str, chunks: bytes) -> None:
    head, _ = post("/a", b"", framing="chunked")
    for segments in ([head + chunks], [head, chunks], [head + b"1\r\nx\r\n", chunks]):
        with RawConnection(url) as connection:
            [response] = connection.send(*segments).send(SMUGGLED).rest()
        assert response.status == 400


def test_requests_before_a_malformed_one_get_their_responses_first(url: str) -> None:
    valid = b"".join(post("/a", b"1"))
    for sent in (
        malformed(MALFORMED_HEADS[0]),
        NOT_HTTP[-1],
        b"".join(post("/b", b"", framing="chunked"))[:-5] + b"zz",
    ):
        with RawConnection(url) as connection:
            *responses, error = connection.send(valid * 3 + sent + SMUGGLED).rest()
        assert [seen(response)["path"] for response in responses] == ["/a", "/a", "/a"]
        assert error.status == 400


def test_a_malformed_rest_of_a_body_gets_no_second_response(url: str) -> None:
    with RawConnection(url) as connection:
        connection.send(post("/early", b"", framing="chunked")[0])
        assert connection.response().status == 413
        connection.send(b"zz\r\n" + SMUGGLED)
        assert connection.rest() == []


def test_trailers_are_not_headers(url: str) -> None:
    head, _ = post("/a", b"", framing="chunked")
    [response] = exchange(url, head + b"2\r\nhi\r\n0\r\nX-Trailer: 1\r\nAuthorization: Bearer x\r\n\r\n")
    assert seen(response)["body"] == "hi"
    headers = seen(response)["headers"]
    assert isinstance(headers, dict)
    assert not {"x-trailer", "authorization"} & headers.keys()


def test_an_endless_head_is_refused(url: str) -> None:
    line = b"X: " + b"a" * 1000 + b"\r\n"
    with RawConnection(url) as connection:
        connection.send(b"GET /a HTTP/1.1\r\nHost: x\r\n")
        [response] = connection.send(*[line] * (heads.MAX_HEAD_BYTES // len(line) + 2)).rest()
    assert response.status == 400


@pytest.mark.parametrize("framing", [b"2;", b"2\r\nhi\r\n0\r\nX: ", b"2\r\nhi\r\n0;"])
def test_endless_trailers_and_chunk_extensions_are_refused(url: str, framing: bytes) -> None:
    head, _ = post("/a", b"", framing="chunked")
    with RawConnection(url) as connection:
        connection.send(head + framing)
        [response] = connection.send(b"a" * 16 * heads.MAX_HEAD_BYTES).rest()
    assert response.status == 400


@pytest.mark.parametrize("begun", [b"GET", b"GET /a HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_that_does_not_arrive_in_time_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    valid = b"".join(post("/a", b"1"))
    with RawConnection(url) as connection:
        # Only now, so that the first request cannot be late.
        assert seen(connection.send(valid).response())["path"] == "/a"
        monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.0)
        response, error = connection.send(valid + begun).rest()
    assert seen(response)["path"] == "/a"
    assert (error.status, json.loads(error.body)["error"]["code"]) == (408, "head_timed_out")
    assert error.headers["connection"] == "close"


def test_a_connection_without_a_request_is_closed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawConnection(url) as connection:
        connection.send(b"".join(post("/a", b"1"))).response()
        monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.0)
        assert connection.send(b"\r\n").rest() == []
    with RawConnection(url) as connection:
        assert connection.rest() == []


def test_only_heads_are_limited_in_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head, body = post("/a", b"hi")
    with RawConnection(url) as connection:
        assert seen(connection.send(head, body).response())["body"] == "hi"
        monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.0)
        connection.send(head)
        # The connection is kept while the body is awaited.
        assert not connection.readable(0.2)
        assert seen(connection.send(body).response())["body"] == "hi"


def test_http_1_0_needs_no_host(url: str) -> None:
    with RawConnection(url) as connection:
        [response] = connection.send(b"GET /a HTTP/1.0\r\n\r\n").rest()
    assert seen(response)["path"] == "/a"


def test_a_body_does_not_count_as_a_part_of_the_next_head(url: str) -> None:
    first, second = b"".join(post("/a", b"x" * 100_000)), b"".join(post("/b", b"2"))
    with RawConnection(url) as connection:
        connection.send(first + second[:20])
        assert seen(connection.response())["path"] == "/a"
        assert seen(connection.send(second[20:]).response())["path"] == "/b"


class _Recorder(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 2), "sockname": ("127.0.0.1", 1)})
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def test_the_end_of_a_request_does_not_count_as_a_part_of_the_next_head() -> None:
    first, second = post("/a", b"x" * heads.MAX_HEAD_BYTES), post("/b", b"2")
    data = b"".join([*first, *second])
    # The second read has the end of the first head, the body, and the start of the second head.
    written = asyncio.run(_responses([data[:20], data[20:-20], data[-20:]]))
    assert written.count(b"HTTP/1.1 200 OK") == 2


async def _responses(reads: Sequence[bytes]) -> bytes:
    config = uvicorn.Config(echo, http=HttpProtocol, lifespan="off", log_config=None)
    config.load()
    state, transport = ServerState(), _Recorder()
    connection = HttpProtocol(config=config, server_state=state, app_state={})
    connection.connection_made(transport)
    for data in reads:
        connection.data_received(data)
    while state.tasks:
        await asyncio.wait(state.tasks)
    connection.connection_lost(None)
    return transport.written
