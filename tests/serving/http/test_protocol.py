"""HTTP/1.1 on raw sockets: one request, one response, and no byte of a body is read as another request."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Generator, Sequence
from functools import partial
from typing import Any

import pytest
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from ner_runtime.serving.api.errors import Overloaded
from ner_runtime.serving.api.messages import DISCONNECTED
from ner_runtime.serving.http import protocol
from ner_runtime.serving.http.admission.limits import Admission
from ner_runtime.serving.http.admission.refusals import Refusals
from ner_runtime.serving.http.headers import SECURITY_HEADERS
from ner_runtime.serving.http.protocol import HttpProtocol
from tests.support.http.raw_http import RawConnection, RawResponse, chunked, post

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADES = [
    # The JDK's HttpClient, and with it Spring's RestClient; .NET; curl --http2
    (
        b"Connection: Upgrade, HTTP2-Settings",
        b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
        b"Upgrade: h2c",
    ),
    (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: AAAA"),
    (b"Upgrade: TLS/1.0", b"Connection: keep-alive, upgrade"),
    (b"Connection: Upgrade", b"Upgrade: something/2, else"),
    (b"Connection: keep-alive", b"Connection: Upgrade", b"Upgrade: h2c", b"Upgrade: h2"),
]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with what the request is; `/early` and `/full` respond before they read the body, `/wait` never does."""
    request = Request(scope, receive)
    if scope["path"] == "/wait":
        await scope["state"][DISCONNECTED]
        GONE.release()
        return
    if scope["path"] == "/full":
        await Response("full", 429)(scope, receive, send)
        return
    if scope["path"] == "/early":
        await Response("early", 413)(scope, receive, send)
        return
    try:
        body = await request.body()
    except ClientDisconnect:
        return
    headers = {name: request.headers[name] for name in request.headers}
    content = {"method": request.method, "path": scope["path"], "body": body.decode("latin-1"), "headers": headers}
    await JSONResponse(content)(scope, receive, send)


GONE = threading.Semaphore(0)


class Full(Admission):
    """Refuses every request."""

    def may_refuse(self) -> bool:
        return True

    def refusal(self, scope: Scope) -> Overloaded:
        return Overloaded("full", 7)


def refusals() -> Refusals:
    """Refuse POST requests to /full."""
    return Refusals(Full(max_concurrency=1, max_body_bytes=1), {"/full"}, lambda: True)


@pytest.fixture(scope="module")
def url() -> Generator[str]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    protocol: Any = partial(HttpProtocol, refusals=refusals())
    config = uvicorn.Config(echo, http=protocol, lifespan="off", log_config=None, timeout_keep_alive=30)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()


class _Sink(asyncio.Transport):
    """A transport whose peer reads everything."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 2), "sockname": ("127.0.0.1", 1)})

    def write(self, data: object) -> None:
        pass

    def is_closing(self) -> bool:
        return False


def exchange(url: str, *segments: bytes) -> list[RawResponse]:
    """Send segments and then a last request, which closes the connection; return all responses but that one's."""
    last = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with RawConnection(url) as connection:
        *responses, response = connection.send(*segments, last).rest()
    assert seen(response)["path"] == "/last"
    return responses


def seen(response: RawResponse) -> dict[str, object]:
    """The request as the application saw it."""
    assert response.status == 200, response
    return json.loads(response.body)


def segmentations(data: bytes) -> Sequence[Sequence[bytes]]:
    """Data in one segment, split in the middle, and byte by byte."""
    middle = len(data) // 2
    return [[data], [data[:middle], data[middle:]], [data[index : index + 1] for index in range(len(data))]]


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("upgrade", UPGRADES, ids=lambda headers: headers[-1].decode())
def test_an_upgrade_is_ignored_and_the_body_belongs_to_its_request(
    url: str, upgrade: Sequence[bytes], framing: str
) -> None:
    head, body = post("/ner", SMUGGLED, *upgrade, framing=framing)
    for segments in [[head + body], [head, body], *segmentations(head + body)[1:]]:
        [response] = exchange(url, *segments)
        assert (seen(response)["path"], seen(response)["body"]) == ("/ner", SMUGGLED.decode())
        assert "upgrade" not in response.headers


def test_requests_around_an_upgrade_get_their_own_responses(url: str) -> None:
    plain, upgrade = post("/a", b"1"), post("/b", b"2", *UPGRADES[0])
    data = b"".join([*plain, *upgrade, *plain, *upgrade, *upgrade])
    for segments in segmentations(data):
        paths = [seen(response)["path"] for response in exchange(url, *segments)]
        assert paths == ["/a", "/b", "/a", "/b", "/b"]


def test_the_other_headers_of_an_upgrade_are_kept(url: str) -> None:
    [response] = exchange(url, *post("/a", b"", b"X-Test: \xe4 b", b"Connection: keep-alive, Upgrade", b"Upgrade: h2c"))
    headers = seen(response)["headers"]
    assert isinstance(headers, dict)
    assert (headers["x-test"], headers["connection"]) == ("ä b", "keep-alive")
    assert "upgrade" not in headers


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
        [response] = connection.send(*[line] * (protocol.MAX_HEAD_BYTES // len(line) + 2)).rest()
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


def test_pipelined_requests_are_limited(url: str) -> None:
    request = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    assert len(exchange(url, request * (protocol.MAX_PIPELINED - 1))) == protocol.MAX_PIPELINED - 1
    with RawConnection(url) as connection:
        *responses, refused = connection.send(request * (protocol.MAX_PIPELINED + 10)).rest()
    assert {response.status for response in responses} == {200}
    assert refused.status == 400


def test_a_client_that_waits_to_continue_is_told_to(url: str) -> None:
    head, body = post("/a", b"hi", b"Expect: 100-continue")
    with RawConnection(url) as connection:
        connection.send(head, body)
        assert seen(connection.response())["body"] == "hi"
        assert connection.interim == [100]
        old = head.replace(b"HTTP/1.1", b"HTTP/1.0")
        assert seen(connection.send(old, body).response())["body"] == "hi"
        assert connection.interim == [100]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_client_that_sends_everything_before_it_reads_gets_the_early_response(url: str, framing: str) -> None:
    body = b"x" * 20_000_000
    head, _ = post("/early", body, b"Connection: close", framing=framing)
    sent = body if framing == "length" else chunked(body, 100_000)
    with RawConnection(url) as connection:
        [response] = connection.send(head, sent).rest()
    assert (response.status, response.body) == (413, b"early")


def test_an_early_response_does_not_cost_the_connection(url: str) -> None:
    [early, next_] = exchange(url, *post("/early", b"x" * 5_000_000), *post("/a", b"hi"))
    assert early.status == 413
    assert seen(next_)["body"] == "hi"


def send_on(connection: RawConnection, data: bytes) -> None:
    """Send the same bytes again and again, until the server has closed the connection."""
    for _ in range(100_000):
        connection.send(data)


def test_a_body_without_end_is_not_read_for_ever(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_DISCARDED_BYTES", 1_000_000)
    for connection_header in (b"Connection: close", b"Connection: keep-alive"):
        with RawConnection(url) as connection:
            connection.send(post("/early", b"", connection_header, framing="chunked")[0])
            assert connection.response().status == 413
            with pytest.raises(ConnectionError):
                send_on(connection, chunked(b"x" * 100_000, 100_000)[:-5])


@pytest.mark.parametrize("limit", ["LINGER_S", "LINGER_IDLE_S"])
def test_a_lingering_connection_is_closed_in_time(url: str, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(protocol, limit, 0)
    with RawConnection(url) as connection:
        connection.send(post("/early", b"", b"Connection: close", framing="chunked")[0])
        assert [response.status for response in connection.rest()] == [413]
        with pytest.raises(ConnectionError):
            send_on(connection, b"1\r\nx\r\n")


def test_the_application_learns_that_the_client_has_disconnected(url: str) -> None:
    with RawConnection(url) as connection:
        connection.send(b"".join(post("/wait", b"x")))
    assert GONE.acquire(timeout=30)


def test_a_request_is_refused_as_soon_as_its_head_has_arrived(url: str) -> None:
    head, body = post("/full", b"some text", b"X-Request-Id: abc", b"X-Request-Id: def")
    with RawConnection(url) as connection:
        response = connection.send(head).response()
        assert (response.status, json.loads(response.body)["error"]["code"]) == (429, "overloaded")
        expected = {"retry-after": "7", "x-request-id": "abc", "x-content-type-options": "nosniff"}
        assert response.headers.items() >= expected.items()
        # The connection stays usable: the body of the refused request is skipped.
        assert seen(connection.send(body, b"".join(post("/a", b"1"))).response())["path"] == "/a"


def test_refused_requests_and_others_on_one_connection_get_their_own_responses(url: str) -> None:
    plain, full = b"".join(post("/a", b"1")), b"".join(post("/full", b"22"))
    for segments in segmentations(plain + full + full + plain + full):
        responses = exchange(url, *segments)
        assert [(response.status, len(response.body) > 0) for response in responses] == [
            (200, True),
            *[(429, True)] * 2,
            (200, True),
            (429, True),
        ]


def test_a_client_that_does_not_read_is_not_refused_without_end(url: str) -> None:
    head, body = post("/full", b"")
    with RawConnection(url) as connection:
        connection.send((head + body) * 100)
        statuses = [connection.response().status for _ in range(100)]
    # The first ones are refused at once. The connection reads no further until the application has answered the next.
    assert statuses == [429] * 100


def test_the_time_limit_of_an_idle_connection_does_not_end_a_request_after_a_refused_one() -> None:
    asyncio.run(_send_a_request_after_a_refused_one())


async def _send_a_request_after_a_refused_one() -> None:
    config = uvicorn.Config(echo, http=HttpProtocol, lifespan="off", log_config=None)
    config.load()
    connection = HttpProtocol(config=config, server_state=ServerState(), app_state={}, refusals=refusals())
    connection.connection_made(_Sink())
    full, plain = post("/full", b""), post("/a", b"1")
    connection.data_received(b"".join(full))
    assert connection.timeout_keep_alive_task is not None
    connection.data_received(b"".join([*full, *plain]))
    assert connection.timeout_keep_alive_task is None
    await asyncio.gather(*connection.tasks)


def test_a_body_does_not_count_as_a_part_of_the_next_head(url: str) -> None:
    first, second = b"".join(post("/a", b"x" * 100_000)), b"".join(post("/b", b"2"))
    with RawConnection(url) as connection:
        connection.send(first + second[:20])
        assert seen(connection.response())["path"] == "/a"
        assert seen(connection.send(second[20:]).response())["path"] == "/b"
