"""Requests that are refused as soon as their head has arrived."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from queue import Queue

import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from ner_runtime.serving.api.access_record import AccessRecord
from ner_runtime.serving.http.connection.protocol import HttpProtocol
from tests.support.http.echo_server import echo, exchange, refusals, seen, segmentations, serve_echo
from tests.support.http.raw_http import RawConnection, post

STATUSES = {"/a": 200, "/full": 429, "/early": 413}


def test_a_request_is_refused_as_soon_as_its_head_has_arrived(url: str) -> None:
    head, body = post("/full", b"some text", b"X-Request-Id: abc", b"X-Request-Id: def")
    with RawConnection(url) as connection:
        response = connection.send(head).response()
        assert (response.status, json.loads(response.body)["error"]["code"]) == (429, "overloaded")
        expected = {"retry-after": "1", "x-request-id": "abc", "x-content-type-options": "nosniff"}
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


class _Sink(asyncio.Transport):
    """A transport whose peer reads everything."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 2), "sockname": ("127.0.0.1", 1)})

    def write(self, data: object) -> None:
        pass

    def is_closing(self) -> bool:
        return False


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


def test_a_connection_without_a_request_stays_open_for_as_long_as_the_service_says() -> None:
    for own, seconds in ((None, 5), (75, 75)):
        assert asyncio.run(_keep_alive(own)) == seconds


async def _keep_alive(own: int | None) -> float:
    """Return how long the connection stays open after a refused request."""
    config = uvicorn.Config(echo, http=HttpProtocol, lifespan="off", log_config=None)
    config.load()
    connection = HttpProtocol(
        config=config, server_state=ServerState(), app_state={}, refusals=refusals(), keep_alive_s=own
    )
    connection.connection_made(_Sink())
    connection.data_received(b"".join(post("/full", b"")))
    assert connection.timeout_keep_alive_task is not None
    return round(connection.timeout_keep_alive_task.when() - asyncio.get_running_loop().time())


def test_refused_and_malformed_requests_are_recorded() -> None:
    records: Queue[AccessRecord] = Queue()
    with serve_echo(records.put) as url, RawConnection(url) as connection:
        connection.send(*post("/full", b"some text", b"X-Request-Id: abc")).response()
        connection.send(b"not HTTP\r\n\r\n").rest()
        refused, malformed = (records.get(timeout=30) for _ in range(2))
    assert (refused.path, refused.method, refused.status, refused.code) == ("/full", "POST", 429, "overloaded")
    assert (refused.request_id, refused.seconds < 30) == ("abc", True)
    assert (malformed.path, malformed.method, malformed.status, malformed.code) == (
        "other",
        "",
        400,
        "malformed_request",
    )
    assert len(malformed.request_id) == 32


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["/a", "/full", "/early"]), st.binary(max_size=300)), max_size=12), st.data())
def test_any_mix_of_requests_gets_its_responses_in_order(
    url: str, requests: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    sent = b"".join(part for path, body in requests for part in post(path, body))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=6)))
    segments = [sent[start:end] for start, end in pairwise([0, *cuts, len(sent)])]
    responses = exchange(url, *segments)
    assert [response.status for response in responses] == [STATUSES[path] for path, _ in requests]
    echoed = [seen(response)["body"] for response in responses if response.status == 200]
    assert echoed == [body.decode("latin-1") for path, body in requests if path == "/a"]


def test_a_client_that_leaves_after_it_was_refused_does_not_affect_others(url: str) -> None:
    full = b"".join(post("/full", b"22"))
    with RawConnection(url) as connection:
        for _ in range(20):
            with RawConnection(url) as leaving:
                leaving.send(full, full[:-1])
        assert connection.send(full).response().status == 429
        assert seen(connection.send(*post("/a", b"1")).response())["path"] == "/a"


def test_a_server_that_refuses_requests_can_shut_down() -> None:
    with serve_echo() as url:
        connections = [RawConnection(url) for _ in range(8)]
        for connection in connections:
            connection.send(*post("/full", b"22") * 5)
            assert [connection.response().status for _ in range(5)] == [429] * 5
    for connection in connections:
        with connection:
            assert not connection.rest(), "the server has not closed the connection"
