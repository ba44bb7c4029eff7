"""Lingering close: a client that sends a whole body before it reads gets the early response."""

from __future__ import annotations

import pytest

from ner_runtime.serving.http.connection import lingering
from tests.support.http.echo_server import exchange, seen
from tests.support.http.raw_http import RawConnection, chunked, post


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
    monkeypatch.setattr(lingering, "MAX_DISCARDED_BYTES", 1_000_000)
    for connection_header in (b"Connection: close", b"Connection: keep-alive"):
        with RawConnection(url) as connection:
            connection.send(post("/early", b"", connection_header, framing="chunked")[0])
            assert connection.response().status == 413
            with pytest.raises(ConnectionError):
                send_on(connection, chunked(b"x" * 100_000, 100_000)[:-5])


@pytest.mark.parametrize("limit", ["LINGER_S", "LINGER_IDLE_S"])
def test_a_lingering_connection_is_closed_in_time(url: str, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(lingering, limit, 0)
    with RawConnection(url) as connection:
        connection.send(post("/early", b"", b"Connection: close", framing="chunked")[0])
        assert [response.status for response in connection.rest()] == [413]
        with pytest.raises(ConnectionError):
            send_on(connection, b"1\r\nx\r\n")
