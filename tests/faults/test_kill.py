"""`kill -9` of one of two workers every five seconds, under load: `make faults`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.examples import NEWS
from tests.support.load import load
from tests.support.processes import ready_workers, wait_for
from tests.support.servers import serve

pytestmark = pytest.mark.faults

SECONDS = float(os.environ.get("RANER_FAULT_SECONDS", "60"))
CLIENTS = 8


@pytest.mark.parametrize("settings", [{}, {"BENTOML_CONTAINERIZED": "true"}], ids=["host", "container"])
def test_only_what_is_inside_a_killed_worker_fails(tmp_path: Path, settings: dict[str, str]) -> None:
    with serve(tmp_path / "log", RANER_WORKERS="2", RANER_THREADS="1", RANER_CACHE_URL="off", **settings) as server:
        wait_for(lambda: len(ready_workers(server)) == 2, 60)
        kills: list[float] = []
        back: list[float] = []
        with load(server.url, NEWS, clients=CLIENTS) as taken:
            ends = time.monotonic() + SECONDS
            while time.monotonic() < ends:
                due = time.monotonic() + 5
                kills.append(time.monotonic())
                ready_workers(server)[0].kill()
                back.append(wait_for(lambda: len(ready_workers(server)) == 2, 10))
                time.sleep(max(0.0, due - time.monotonic()))
        failed = taken.failed()
        print(f"\n{len(kills)} kills, {taken.counts()}, capacity back after {max(back):.1f} s at most")
        assert len(taken.outcomes) > 100
        # A client has one question in flight: no more than one per client can be inside a worker that dies.
        for kill in kills:
            assert sum(kill <= outcome.ended < kill + 5 for outcome in failed) <= CLIENTS
        assert all(any(0 <= outcome.ended - kill < 2 for kill in kills) for outcome in failed)
        assert {outcome.failure for outcome in failed} <= {"ReadError", "RemoteProtocolError", "ConnectError"}
        assert max(outcome.seconds for outcome in taken.outcomes) < 30
