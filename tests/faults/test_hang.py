"""Workers that hang are replaced: `make faults`."""

from __future__ import annotations

import signal
import time
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from tests.support.http.load import load
from tests.support.servers.service import Server, serve
from tests.support.servers.workers import ready_workers, wait_for
from tests.support.texts.examples import NEWS

pytestmark = pytest.mark.faults


# As in `hanging_engine`, which cannot be imported here: it changes the recognizer of its process.
BLOCKS_EVENT_LOOP, BLOCKS_INFERENCE = "堵住", "停住"
SETTINGS = {
    "RANER_MODELS": "first=embedded,second=embedded",
    "RANER_WORKERS": "2",
    "RANER_THREADS": "1",
    "RANER_HANG_TIMEOUT_S": "3",
    "RANER_CACHE_URL": "off",
}
CLIENTS = 8
REQUESTS = 200


@pytest.fixture
def server(tmp_path: Path) -> Generator[Server]:
    """Two workers with two models, which hang on certain texts; see `hanging_engine.py`."""
    with serve(tmp_path / "log", target="tests.support.programs.hanging_engine:Raner", **SETTINGS) as server:
        wait_for(lambda: len(ready_workers(server)) == 2, 60)
        yield server


def test_a_stopped_worker_is_replaced(server: Server) -> None:
    with load(server.url, NEWS, clients=CLIENTS) as taken:
        taken.wait_for_more(REQUESTS)
        victim = ready_workers(server)[0]
        victim.send_signal(signal.SIGSTOP)
        gone = wait_for(lambda: victim not in ready_workers(server), 30)
        back = wait_for(lambda: len(ready_workers(server)) == 2, 30)
        taken.wait_for_more(REQUESTS)
    print(f"\n{taken.counts()}, gone after {gone:.1f} s, back {back:.1f} s later")
    assert len(taken.failed()) <= CLIENTS
    assert max(outcome.seconds for outcome in taken.outcomes) < 30


def test_a_worker_whose_event_loop_is_blocked_is_replaced(server: Server) -> None:
    before = ready_workers(server)
    with server.client() as client, pytest.raises(httpx.TransportError):
        client.post("/ner", json={"text": BLOCKS_EVENT_LOOP})
    wait_for(lambda: len({*before, *ready_workers(server)}) == 3, 30)
    assert "has sent no heartbeat" in server.log.read_text()


@pytest.mark.parametrize("model", ["first", "second"])
def test_a_hanging_batch_responds_503_and_its_worker_is_replaced(server: Server, model: str) -> None:
    before = ready_workers(server)
    with server.client() as client:
        started = time.monotonic()
        response = client.post("/ner", json={"text": BLOCKS_INFERENCE, "model": model})
        assert 3 <= time.monotonic() - started < 20
    assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert response.json()["error"]["code"] == "not_ready"
    assert response.headers["retry-after"] == "1"
    wait_for(lambda: len(ready_workers(server)) == 2 and len({*before, *ready_workers(server)}) == 3, 30)
    assert "exits: a batch has been running for more than 3 s" in server.log.read_text()
