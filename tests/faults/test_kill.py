"""Workers are killed, under load and beside a bad lexicon: `make faults`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ner_runtime.atomic_files import write_atomically
from tests.support.http.load import load
from tests.support.servers.service import serve
from tests.support.servers.workers import ready_workers, wait_for
from tests.support.texts.examples import NEWS

pytestmark = pytest.mark.faults

SECONDS = float(os.environ.get("RANER_FAULT_SECONDS", "60"))
CLIENTS = 8
REQUESTS = 1_000
"""Requests from the start of the replacement to the next kill."""


@pytest.mark.parametrize("settings", [{}, {"BENTOML_CONTAINERIZED": "true"}], ids=["host", "container"])
def test_only_requests_in_a_killed_worker_fail(tmp_path: Path, settings: dict[str, str]) -> None:
    with serve(tmp_path / "log", RANER_WORKERS="2", RANER_THREADS="1", RANER_CACHE_URL="off", **settings) as server:
        wait_for(lambda: len(ready_workers(server)) == 2, 60)
        kills: list[float] = []
        back: list[float] = []
        with load(server.url, NEWS, clients=CLIENTS) as taken:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                kills.append(time.monotonic())
                ready_workers(server)[0].kill()
                back.append(wait_for(lambda: len(ready_workers(server)) == 2, 10))
                taken.wait_for_more(REQUESTS)
        failed = taken.failed()
        print(f"\n{len(kills)} kills, {taken.counts()}, capacity back after {max(back):.1f} s at most")
        assert len(taken.outcomes) > 100
        # Each client has one request in flight, so that at most one per client is in the killed worker.
        for kill in kills:
            assert sum(kill <= outcome.ended < kill + 2 for outcome in failed) <= CLIENTS
        assert all(any(0 <= outcome.ended - kill < 2 for kill in kills) for outcome in failed)
        assert {outcome.failure for outcome in failed} <= {"ReadError", "RemoteProtocolError", "ConnectError"}
        assert max(outcome.seconds for outcome in taken.outcomes) < 30


def test_a_new_worker_applies_the_lexicon_that_the_service_loaded_last(tmp_path: Path) -> None:
    file = tmp_path / "lexicons" / "events.tsv"
    write_atomically(file, "开会\tEVENT\n".encode())
    with (
        serve(
            tmp_path / "log",
            RANER_WORKERS="1",
            RANER_THREADS="1",
            RANER_LEXICONS=str(file.parent),
            RANER_DEFAULT_LEXICONS="events",
        ) as server,
        server.client() as client,
    ):
        write_atomically(file, b"no entry\n")
        [old] = ready_workers(server)
        old.kill()
        wait_for(lambda: [worker.pid for worker in ready_workers(server)] not in ([], [old.pid]), 60)
        response = client.post("/ner", json={"text": "我们公司今天下午开会讨论方案。"})
        assert [entity["type"] for entity in response.json()["data"]] == ["EVENT"]
        assert client.get("/readyz").status_code == 200
        [lexicon] = client.get("/model").json()["lexicons"]
        assert lexicon["error"].startswith("events.tsv has no valid entry")
