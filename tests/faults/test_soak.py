"""Mixed load for minutes causes no error and no growth of memory: `make soak`."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

import httpx
import pytest

from tests.support.servers.service import Server, serve
from tests.support.servers.workers import ready_workers, resident_bytes, wait_for
from tests.support.texts.examples import NEWS

pytestmark = pytest.mark.soak

MINUTES = float(os.environ.get("RANER_SOAK_MINUTES", "10"))
CLIENTS = 3
PAUSE_S = 0.03
DOCUMENT = "".join(NEWS) * 400

Send = Callable[[httpx.Client, random.Random], tuple[httpx.Response, int]]
"""Sends a request; returns the response and the expected status."""


def text_of(chance: random.Random) -> str:
    """A text that is in no cache."""
    return f"{chance.randrange(10**9)}号" + "".join(chance.choices(NEWS, k=chance.choice((1, 1, 1, 2, 5, 12))))


def short(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    return client.post("/ner", json={"text": text_of(chance)}), 200


def repeated(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    return client.post("/ner", json={"text": chance.choice(NEWS), "types": ["PER"], "offset_unit": "utf16"}), 200


def batch(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    texts: list[object] = [text_of(chance) for _ in range(chance.randrange(1, 12))]
    return client.post("/ner/batch", json={"texts": [*texts, "", 7]}), 200


def document(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    begin = chance.randrange(10_000)
    return client.post("/ner", json={"text": DOCUMENT[begin : begin + chance.randrange(1_000, 8_000)]}), 200


def page(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    return client.get(chance.choice(("/", "/model", "/docs.json", "/readyz", "/metrics"))), 200


def unknown_path(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    return client.get(f"/nowhere/{chance.random()}"), 404


def invalid(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    return client.post("/ner", json={"text": "", "number": chance.random()}), 422


def too_long(client: httpx.Client, _chance: random.Random) -> tuple[httpx.Response, int]:
    return client.post("/ner", json={"text": "长" * 100_001}), 413


MIX: dict[Send, int] = {
    short: 60, repeated: 10, batch: 10, document: 2, page: 5, unknown_path: 5, invalid: 5, too_long: 1,
}  # fmt: skip


def test_mixed_load_causes_no_error_and_no_growth_of_memory(tmp_path: Path) -> None:
    # A small cache is full within a minute, so that its growth is not mistaken for a leak.
    settings = {"RANER_WORKERS": "2", "RANER_THREADS": "1", "RANER_CACHE_URL": "memory://?max_mb=1"}
    # A long timeout, so that a busy machine refuses nothing; `test_overload.py` tests refusals.
    settings["RANER_TIMEOUT_S"] = "60"
    with serve(tmp_path / "log", **settings) as server:
        wait_for(lambda: len(ready_workers(server)) == 2, 60)
        workers = {worker.pid for worker in ready_workers(server)}
        _warm_up(server)
        stop = threading.Event()
        results: Counter[str] = Counter()
        threads = [
            threading.Thread(target=_run_client, args=(server.url, number, stop, results)) for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        memory = _sample(lambda: resident_bytes(server))
        stop.set()
        for thread in threads:
            thread.join(60)
        assert {worker.pid for worker in ready_workers(server)} == workers
    # The first third is left out: caches fill, and each batch shape occurs for the first time.
    third, tenth = len(memory) // 3, len(memory) // 10
    before, after = mean(memory[third : third + tenth]), mean(memory[-tenth:])
    growth = after / before - 1
    print(f"\n{dict(results)}, {before / 2**20:.0f} to {after / 2**20:.0f} MiB, growth {growth:.1%}")
    assert not [result for result in results if result.startswith("wrong")]
    assert results["short"] > 100
    assert growth < 0.05


def _warm_up(server: Server) -> None:
    """Run the largest batches of both queues in every worker, so that the engine's memory reaches its peak."""

    def send_one(number: int) -> None:
        with server.client() as client:
            send = (document, batch, short)[number % 3]
            send(client, random.Random(number))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send_one, range(60)))


def _sample(size: Callable[[], int]) -> list[int]:
    """The size, each second for `MINUTES`."""
    end = time.monotonic() + MINUTES * 60
    sizes: list[int] = []
    while time.monotonic() < end:
        sizes.append(size())
        time.sleep(1)
    return sizes


def _run_client(url: str, seed: int, stop: threading.Event, results: Counter[str]) -> None:
    chance = random.Random(seed)
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        while not stop.is_set():
            [send] = chance.choices(list(MIX), weights=list(MIX.values()))
            try:
                response, expected = send(client, chance)
            except httpx.TransportError as error:
                results[f"wrong: {send.__name__}: {type(error).__name__}"] += 1
                continue
            correct = response.status_code == expected
            results[send.__name__ if correct else f"wrong: {send.__name__}: {response.status_code}"] += 1
            stop.wait(PAUSE_S)
