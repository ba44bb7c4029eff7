"""Generated requests: from the OpenAPI document, invalid bodies, and raw bytes. `make fuzz` runs more of them."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.http.connections import CODINGS, exchanges, segments
from tests.support.http.malformed import InvalidRequest, invalid_requests
from tests.support.http.raw_http import RawConnection, RawResponse, chunked, post
from tests.support.servers.service import REPOSITORY, Server, serve
from tests.support.servers.workers import workers

LONG = "RANER_FUZZ_EXAMPLES" in os.environ
EXAMPLES = os.environ.get("RANER_FUZZ_EXAMPLES", "25")
# The schema cannot state the longest text, which is a setting, and the entity types, which depend on the model: the
# service may refuse a request that the schema allows.
EXCLUDED_CHECKS = "positive_data_acceptance"


def test_the_service_conforms_to_its_openapi_document(client: httpx.Client, server: Server) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/docs.json"]
    command += ["--max-examples", EXAMPLES, "--exclude-checks", EXCLUDED_CHECKS, "--workers", "1", "--no-color"]
    command += ["--suppress-health-check", "all", "--request-timeout", "60"]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert client.get("/readyz").status_code == 200


def test_an_invalid_body_is_refused(client: httpx.Client, server: Server) -> None:
    accepted: list[tuple[InvalidRequest, int]] = []
    for request in invalid_requests(count=1000 if LONG else 400):
        response = client.post(request.path, content=request.content, headers=request.headers)
        if not 400 <= response.status_code < 500 or response.json()["success"] is not False:
            accepted.append((request, response.status_code))
    assert not accepted
    assert client.post("/ner", json={"text": "马云"}).status_code == 200
    assert server.process.poll() is None


def test_every_request_of_a_connection_gets_its_own_response(server: Server) -> None:
    for seed in range(2000 if LONG else 150):
        chance = random.Random(seed)
        due = exchanges(chance)
        with RawConnection(server.url) as connection:
            connection.send(*segments(chance, b"".join(exchange.request for exchange in due)))
            responses = connection.rest()
        got = [(response.status, response.headers["x-request-id"]) for response in responses]
        assert [status for status, _ in got] == [exchange.status for exchange in due], seed
        assert [id_ for _, id_ in got][: len(due) - 1] == [exchange.id for exchange in due][:-1], seed
        assert all(response.complete for response in responses), seed


# What the JDK's HttpClient sends for a POST with its default version, HTTP/2: the head, and then the body.
JDK_HEAD = (
    b"POST /ner HTTP/1.1\r\n"
    b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"Content-Length: %d\r\n"
    b"Host: localhost:3000\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\n"
    b"Upgrade: h2c\r\n"
    b"User-Agent: Java-http-client/21.0.2\r\n"
    b"Content-Type: application/json\r\n"
    b"\r\n"
)
BODY = '{"text":"马云在杭州。"}'.encode()


def test_a_post_of_the_jdk_gets_one_response(server: Server) -> None:
    head = JDK_HEAD % len(BODY)
    data = head + BODY
    last = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    for parts in ([data], [head, BODY], [data[index : index + 1] for index in range(len(data))]):
        with RawConnection(server.url) as connection:
            response, _ = connection.send(*parts, last).rest()
        assert response.status == 200
        assert [entity["span"] for entity in json.loads(response.body)["data"]] == ["马云", "杭州"]


def test_a_large_body_is_refused_whether_the_client_reads_or_not(server: Server, client: httpx.Client) -> None:
    body = b'{"text": "' + b"a" * 50_000_000 + b'"}'
    for framing in ("length", "chunked"):
        head, sent = post("/ner", body[:1000] if framing == "chunked" else body, b"Connection: close", framing=framing)
        if framing == "chunked":
            sent = chunked(body, 1_000_000)
        with RawConnection(server.url) as connection:
            [response] = connection.send(head, sent).rest()
        assert (response.status, json.loads(response.body)["error"]["code"]) == (413, "body_too_large")
    # `urllib` closes the connection after the response, and sends all before it reads.
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{server.url}/ner", body, headers)  # noqa: S310 - a server of the test
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
    assert raised.value.code == 413
    raised.value.close()
    assert client.post("/ner", json={"text": "马云"}).status_code == 200


compressed = pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"zstd"])


@compressed
def test_a_compressed_body_is_read(server: Server, coding: bytes) -> None:
    request = post("/ner", CODINGS[coding](BODY), b"Content-Encoding: " + coding)
    with RawConnection(server.url) as connection:
        assert connection.send(*request).response().status == 200


def cpu_seconds(server: Server) -> float:
    """The CPU time of the server's workers so far."""
    times = [worker.cpu_times() for worker in workers(server)]
    return sum(time.user + time.system for time in times)


@compressed
def test_a_decompression_bomb_is_refused_and_costs_little(server: Server, coding: bytes) -> None:
    bomb = post("/ner", CODINGS[coding](b'{"text": "' + bytes(200_000_000)), b"Content-Encoding: " + coding)
    before = cpu_seconds(server)
    with RawConnection(server.url) as connection:
        response = connection.send(*bomb).response()
    assert (response.status, json.loads(response.body)["error"]["code"]) == (413, "body_too_large")
    assert cpu_seconds(server) - before < 0.5


def slow_post(url: str) -> RawResponse:
    """Send a byte of a body every 0.3 seconds, until there is a response."""
    head, body = post("/ner", b" " * 5000)
    with RawConnection(url) as connection:
        connection.send(head)
        for index in range(len(body)):
            if connection.readable(0.3):
                break
            connection.send(body[index : index + 1])
        return connection.response()


def test_slow_bodies_time_out_and_delay_no_other_request(tmp_path: Path) -> None:
    with serve(tmp_path / "log", RANER_WORKERS="1", RANER_THREADS="1", RANER_TIMEOUT_S="2") as server:
        with ThreadPoolExecutor(100) as pool, server.client() as client:
            # More than may be in flight: a request counts once its body has arrived.
            slow = [pool.submit(slow_post, server.url) for _ in range(100)]
            while not all(response.done() for response in slow):
                assert client.post("/ner", json={"text": "马云"}).status_code == 200
        responses = [response.result() for response in slow]
        assert {response.status for response in responses} == {504}
        assert all(json.loads(response.body)["error"]["code"] == "timed_out" for response in responses)


@pytest.mark.parametrize("sent", [b"GET\r\n\r\n", b"\x16\x03\x01" * 99, b"GET / HTTP/9.9\r\n\r\n"])
def test_bytes_that_are_not_http_get_an_error_response(server: Server, client: httpx.Client, sent: bytes) -> None:
    with RawConnection(server.url) as connection:
        [response] = connection.send(sent).rest()
    assert (response.status, json.loads(response.body)["error"]["code"]) == (400, "malformed_request")
    assert client.get("/livez").status_code == 200
