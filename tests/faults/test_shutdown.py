"""On SIGTERM the service finishes the requests in flight and ends in time: `make faults`."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from tests.support.http.load import load
from tests.support.servers.service import serve
from tests.support.servers.workers import ready_workers, wait_for
from tests.support.texts.examples import NEWS

pytestmark = pytest.mark.faults

REQUESTS = 20
DRAIN_S = 3


def test_requests_are_served_during_the_drain_time_and_finished_after_it(tmp_path: Path) -> None:
    settings = {"RANER_WORKERS": "2", "RANER_THREADS": "1", "RANER_DRAIN_S": str(DRAIN_S), "RANER_CACHE_URL": "off"}
    with serve(tmp_path / "log", **settings) as server:
        wait_for(lambda: len(ready_workers(server)) == 2, 60)
        with load(server.url, [text * 40 for text in NEWS], clients=8) as taken, server.client() as client:
            taken.wait_for_more(REQUESTS)
            stopped = time.monotonic()
            server.process.terminate()
            wait_for(lambda: client.get("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE, DRAIN_S)
            assert client.post("/ner", json={"text": "马云"}).status_code == httpx.codes.OK
            server.process.wait(28)
            ended = time.monotonic()
        print(f"\n{taken.counts()}, ended after {ended - stopped:.1f} s")
        assert not [outcome for outcome in taken.failed() if outcome.ended < stopped + DRAIN_S]
        # Later requests find no listening socket; no response is cut off.
        assert {outcome.failure for outcome in taken.failed()} <= {"ConnectError"}


def test_requests_in_flight_at_the_end_of_the_grace_time_get_503(tmp_path: Path) -> None:
    settings = {"RANER_WORKERS": "1", "RANER_THREADS": "1", "RANER_DRAIN_S": "0", "RANER_GRACE_S": "1"}
    with serve(tmp_path / "log", **settings) as server, load(server.url, [NEWS[0] * 2000], clients=1) as taken:
        with server.client() as client:
            wait_for(lambda: "raner_in_flight 1.0" in client.get("/metrics").text, 20)
        stopped = time.monotonic()
        server.process.terminate()
        server.process.wait(10)
        assert time.monotonic() - stopped < 5
        wait_for(lambda: bool(taken.outcomes), 5)
    assert taken.outcomes[0].status == httpx.codes.SERVICE_UNAVAILABLE
