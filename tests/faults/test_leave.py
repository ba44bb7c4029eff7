"""A service that is told to leave (SIGTERM) turns nobody away before it must, and is gone in time: `make faults`."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from tests.support.examples import NEWS
from tests.support.load import load
from tests.support.processes import ready_workers, wait_for
from tests.support.servers import serve

pytestmark = pytest.mark.faults


def test_a_service_that_is_told_to_leave_finishes_what_it_has_begun(tmp_path: Path) -> None:
    settings = {"RANER_WORKERS": "2", "RANER_THREADS": "1", "RANER_DRAIN_S": "3", "RANER_CACHE_URL": "off"}
    with serve(tmp_path / "log", **settings) as server:
        wait_for(lambda: len(ready_workers(server)) == 2, 60)
        with load(server.url, [text * 40 for text in NEWS], clients=8) as taken, server.client() as client:
            time.sleep(2)
            told = time.monotonic()
            server.process.terminate()
            wait_for(lambda: client.get("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE, 1)
            assert client.post("/ner", json={"text": "马云"}).status_code == httpx.codes.OK
            server.process.wait(28)
            left = time.monotonic()
        print(f"\n{taken.counts()}, left after {left - told:.1f} s")
        assert not [outcome for outcome in taken.failed() if outcome.ended < told + 3]
        # Afterwards nobody listens, and no answer that was begun is cut off.
        assert {outcome.failure for outcome in taken.failed()} <= {"ConnectError"}


def test_what_is_in_flight_at_the_end_of_the_grace_time_is_answered_503(tmp_path: Path) -> None:
    settings = {"RANER_WORKERS": "1", "RANER_THREADS": "1", "RANER_DRAIN_S": "0", "RANER_GRACE_S": "1"}
    with serve(tmp_path / "log", **settings) as server, load(server.url, [NEWS[0] * 2000], clients=1) as taken:
        time.sleep(1)
        told = time.monotonic()
        server.process.terminate()
        server.process.wait(10)
        assert time.monotonic() - told < 5
        wait_for(lambda: bool(taken.outcomes), 5)
    assert taken.outcomes[0].status == httpx.codes.SERVICE_UNAVAILABLE
