"""Mixed load for minutes: no error, and memory that stays where it is: `make soak`."""

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

from tests.support.examples import NEWS
from tests.support.processes import ready_workers, resident_bytes, wait_for
from tests.support.servers import Server, serve

pytestmark = pytest.mark.soak

MINUTES = float(os.environ.get("RANER_SOAK_MINUTES", "10"))
CLIENTS = 3
PAUSE_S = 0.03
DOCUMENT = "".join(NEWS) * 400

Ask = Callable[[httpx.Client, random.Random], tuple[httpx.Response, int]]
"""Asks something, and says which status is due."""


def text_of(chance: random.Random) -> str:
    """A text like no other: no cache answers for the model."""
    return f"{chance.randrange(10**9)}号" + "".join(chance.choices(NEWS, k=chance.choice((1, 1, 1, 2, 5, 12))))


def short(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    return client.post("/ner", json={"text": text_of(chance)}), 200


def the_same_again(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    return client.post("/ner", json={"text": chance.choice(NEWS), "types": ["PER"], "offset_unit": "utf16"}), 200


def batch(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    texts: list[object] = [text_of(chance) for _ in range(chance.randrange(1, 12))]
    return client.post("/ner/batch", json={"texts": [*texts, "", 7]}), 200


def document(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    begin = chance.randrange(10_000)
    return client.post("/ner", json={"text": DOCUMENT[begin : begin + chance.randrange(1_000, 8_000)]}), 200


def page(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    return client.get(chance.choice(("/", "/model", "/docs.json", "/readyz", "/metrics"))), 200


def nowhere(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    return client.get(f"/nowhere/{chance.random()}"), 404


def nonsense(client: httpx.Client, chance: random.Random) -> tuple[httpx.Response, int]:
    return client.post("/ner", json={"text": "", "number": chance.random()}), 422


def too_long(client: httpx.Client, _chance: random.Random) -> tuple[httpx.Response, int]:
    return client.post("/ner", json={"text": "长" * 100_001}), 413


MIX: dict[Ask, int] = {
    short: 60, the_same_again: 10, batch: 10, document: 2, page: 5, nowhere: 5, nonsense: 5, too_long: 1,
}  # fmt: skip


def test_minutes_of_mixed_load_cost_no_error_and_no_memory(tmp_path: Path) -> None:
    # A cache that is full after a minute, so that its growth is not taken for a leak.
    settings = {"RANER_WORKERS": "2", "RANER_THREADS": "1", "RANER_CACHE_URL": "memory://?max_mb=1"}
    # Load that a busy machine still takes: what is turned away under overload is another proof's business.
    settings["RANER_TIMEOUT_S"] = "60"
    with serve(tmp_path / "log", **settings) as server:
        wait_for(lambda: len(ready_workers(server)) == 2, 60)
        workers = {worker.pid for worker in ready_workers(server)}
        _warm_up(server)
        over = threading.Event()
        answers: Counter[str] = Counter()
        threads = [
            threading.Thread(target=_ask_on, args=(server.url, number, over, answers)) for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        memory = _watch(lambda: resident_bytes(server))
        over.set()
        for thread in threads:
            thread.join(60)
        assert {worker.pid for worker in ready_workers(server)} == workers
    # From a third on: before that caches fill, and each shape of a batch comes for the first time.
    third, tenth = len(memory) // 3, len(memory) // 10
    before, after = mean(memory[third : third + tenth]), mean(memory[-tenth:])
    growth = after / before - 1
    print(f"\n{dict(answers)}, {before / 2**20:.0f} to {after / 2**20:.0f} MiB, growth {growth:.1%}")
    assert not [answer for answer in answers if answer.startswith("wrong")]
    assert answers["short"] > 100
    assert growth < 0.05


def _warm_up(server: Server) -> None:
    """Have every worker read its largest batches, in both lanes at once: so large the engine's memory becomes."""

    def read(number: int) -> None:
        with server.client() as client:
            ask = (document, batch, short)[number % 3]
            ask(client, random.Random(number))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(read, range(60)))


def _watch(size: Callable[[], int]) -> list[int]:
    """The size, every second until the time is over."""
    ends = time.monotonic() + MINUTES * 60
    sizes: list[int] = []
    while time.monotonic() < ends:
        sizes.append(size())
        time.sleep(1)
    return sizes


def _ask_on(url: str, seed: int, over: threading.Event, answers: Counter[str]) -> None:
    chance = random.Random(seed)
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        while not over.is_set():
            [ask] = chance.choices(list(MIX), weights=list(MIX.values()))
            try:
                answer, due = ask(client, chance)
            except httpx.TransportError as error:
                answers[f"wrong: {ask.__name__}: {type(error).__name__}"] += 1
                continue
            right = answer.status_code == due
            over.wait(PAUSE_S)
            answers[ask.__name__ if right else f"wrong: {ask.__name__}: {answer.status_code}"] += 1
