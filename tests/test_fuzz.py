"""Generated requests: from the OpenAPI document, invalid bodies, and raw bytes. `make fuzz` runs more of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from select import select
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.malformed import InvalidRequest, invalid_requests
from tests.support.servers import REPOSITORY, Server, serve

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
    for request in invalid_requests(count=1000 if LONG else 300):
        response = client.post(request.path, content=request.content, headers=request.headers)
        if not 400 <= response.status_code < 500 or response.json()["success"] is not False:
            accepted.append((request, response.status_code))
    assert not accepted
    assert client.post("/ner", json={"text": "马云"}).status_code == 200
    assert server.process.poll() is None


def speak(server: Server, *parts: bytes, pause: float = 0.0, seconds: float = 10) -> bytes:
    """What the server says, up to the end of the connection or of the time, to parts sent with pauses."""
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), seconds) as connection:
        heard = b""
        try:
            for part in parts:
                connection.sendall(part)
                # Who is answered before the end sends no more.
                if select([connection], [], [], pause)[0] and pause:
                    break
            connection.settimeout(seconds)
            while heard.count(b'"success"') < 1 or len(parts) == 1:
                received = connection.recv(65536)
                if not received:
                    break
                heard += received
        except (TimeoutError, ConnectionError):
            pass
        return heard


POST = b"POST /ner HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
BODY = '{"text":"马云在杭州。"}'.encode()


def test_slow_bodies_end_with_an_error_in_time_and_hold_up_nobody(tmp_path: Path) -> None:
    with serve(tmp_path / "log", RANER_WORKERS="1", RANER_THREADS="1", RANER_TIMEOUT_S="2") as server:
        head = POST + b"content-length: 5000\r\n\r\n"
        with ThreadPoolExecutor(100) as pool, server.client() as client:
            slow = [pool.submit(speak, server, head, *[b"x"] * 12, pause=0.3) for _ in range(100)]
            began = time.monotonic()
            while not all(one.done() for one in slow):
                # More than may be in flight are sending, and none of them is.
                assert client.post("/ner", json={"text": "马云"}).status_code == 200
                time.sleep(0.1)
            assert time.monotonic() - began < 30
        assert {one.result().split(b"\r\n")[0] for one in slow} == {b"HTTP/1.1 504 Gateway Timeout"}
        assert all(b'"timed_out"' in one.result() for one in slow)


def test_chunks_pipelining_and_expectation(server: Server) -> None:
    chunked = b"".join(b"1\r\n" + BODY[i : i + 1] + b"\r\n" for i in range(len(BODY))) + b"0\r\n\r\n"
    assert b"200 OK" in speak(server, POST + b"transfer-encoding: chunked\r\n\r\n", chunked)
    length = b"content-length: %d\r\n" % len(BODY)
    both = (POST + length + b"\r\n" + BODY) + (POST + length + b"connection: close\r\n\r\n" + BODY)
    assert speak(server, both).count(b"200 OK") == 2
    assert b"200 OK" in speak(server, POST + length + b"expect: 100-continue\r\n\r\n", BODY)
    large = POST + b"content-length: 999999999999999999999\r\n\r\n"
    assert b"200" not in speak(server, large, b"x", seconds=2)


@pytest.mark.parametrize(
    "sent", [b"\r\n" * 9, b"GET\r\n\r\n", b"\x16\x03\x01" * 99, POST + b"content-length: -1\r\n\r\n"]
)
def test_what_is_not_http_is_let_go(server: Server, client: httpx.Client, sent: bytes) -> None:
    assert b"200" not in speak(server, sent, b"\r\n\r\n", seconds=1)
    assert client.get("/livez").status_code == 200
