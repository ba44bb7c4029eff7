"""Short texts beside a document of 100,000 characters, in one worker: `make fairness`."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.support.arrivals import arrive, percentile
from tests.support.examples import NEWS
from tests.support.servers import Server, serve

pytestmark = pytest.mark.faults

SECONDS = float(os.environ.get("RANER_FAULT_SECONDS", "60")) / 3
RATE = 10.0
MOST = 3.0
DOCUMENT = ("".join(NEWS) * 5000)[:100_000]


def texts() -> Iterator[str]:
    for number in count():
        yield f"{NEWS[number % len(NEWS)]}{number}"


def p99(server: Server, asked: Iterator[str]) -> float:
    arrivals = arrive(server.url, asked, RATE, SECONDS)
    assert {arrival.status for arrival in arrivals} == {200}
    return percentile([arrival.seconds for arrival in arrivals], 0.99)


def test_a_document_holds_up_nobody(tmp_path: Path) -> None:
    settings = {"RANER_WORKERS": "1", "RANER_THREADS": "1", "RANER_TIMEOUT_S": "600", "RANER_CACHE_URL": "off"}
    with serve(tmp_path / "log", **settings) as server:
        asked = texts()
        arrive(server.url, asked, RATE, 3)
        without = p99(server, asked)
        over = threading.Event()
        reading = threading.Thread(target=asyncio.run, args=(_keep_reading(server.url, over),))
        reading.start()
        beside = p99(server, asked)
        over.set()
        reading.join()
        again = p99(server, asked)
    measured = {"before": without, "beside": beside, "after": again}
    print("\nP99 of short texts:", *(f"{when} {seconds * 1000:.1f} ms" for when, seconds in measured.items()))
    assert beside <= MOST * max(without, again)


async def _keep_reading(url: str, over: threading.Event) -> None:
    """Have one document after the other read until it is over; the last one is left."""
    async with httpx.AsyncClient(timeout=600, trust_env=False) as client:
        number = 0
        while not over.is_set():
            number += 1
            asking = asyncio.create_task(client.post(f"{url}/ner", json={"text": f"{number}{DOCUMENT}"[:100_000]}))
            while not asking.done() and not over.is_set():
                await asyncio.sleep(0.1)
            if asking.done():
                assert asking.result().status_code == httpx.codes.OK
            asking.cancel()
