"""HTTP/1.1 on raw sockets: one request, one response, and no byte of a body is read as another request."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ner_runtime.serving.http.connection import protocol
from tests.support.http.echo_server import GONE, SMUGGLED, exchange, seen, segmentations
from tests.support.http.raw_http import RawConnection, post

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
def test_the_application_learns_whether_the_body_has_arrived(url: str, framing: str) -> None:
    head, body = post("/arrived", b"hi", framing=framing)
    with RawConnection(url) as connection:
        responses = connection.send(head + body + head + body)
        assert [responses.response().body for _ in range(2)] == [b"true", b"true"]
        assert connection.send(head + body[:-1]).response().body == b"false"


def test_the_application_learns_that_the_client_has_disconnected(url: str) -> None:
    with RawConnection(url) as connection:
        connection.send(b"".join(post("/wait", b"x")))
    assert GONE.acquire(timeout=30)
