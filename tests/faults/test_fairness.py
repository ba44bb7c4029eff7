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

from tests.support.http.arrivals import open_loop, percentile
from tests.support.servers.service import Server, serve
from tests.support.texts.examples import NEWS

pytestmark = pytest.mark.faults

SECONDS = float(os.environ.get("RANER_FAULT_SECONDS", "60")) / 3
RATE = 10.0
MAX_RATIO = 3.0
DOCUMENT = ("".join(NEWS) * 5000)[:100_000]


def texts() -> Iterator[str]:
    for number in count():
        yield f"{NEWS[number % len(NEWS)]}{number}"


def p99(server: Server, new_texts: Iterator[str]) -> float:
    arrivals = open_loop(server.url, new_texts, RATE, SECONDS)
    assert {arrival.status for arrival in arrivals} == {200}
    return percentile([arrival.seconds for arrival in arrivals], 0.99)


def test_a_long_document_does_not_delay_short_texts(tmp_path: Path) -> None:
    settings = {"RANER_WORKERS": "1", "RANER_THREADS": "1", "RANER_TIMEOUT_S": "600", "RANER_CACHE_URL": "off"}
    with serve(tmp_path / "log", **settings) as server:
        new_texts = texts()
        open_loop(server.url, new_texts, RATE, 3)
        without = p99(server, new_texts)
        stop = threading.Event()
        documents = threading.Thread(target=asyncio.run, args=(_send_documents(server.url, stop),))
        documents.start()
        beside = p99(server, new_texts)
        stop.set()
        documents.join()
        again = p99(server, new_texts)
    measured = {"before": without, "beside": beside, "after": again}
    print("\nP99 of short texts:", *(f"{when} {seconds * 1000:.1f} ms" for when, seconds in measured.items()))
    assert beside <= MAX_RATIO * max(without, again)


async def _send_documents(url: str, stop: threading.Event) -> None:
    """Send one document after the other until `stop` is set, and cancel the last request then."""
    async with httpx.AsyncClient(timeout=600, trust_env=False) as client:
        number = 0
        while not stop.is_set():
            number += 1
            request = asyncio.create_task(client.post(f"{url}/ner", json={"text": f"{number}{DOCUMENT}"[:100_000]}))
            while not request.done() and not stop.is_set():
                await asyncio.sleep(0.1)
            if request.done():
                assert request.result().status_code == httpx.codes.OK
            request.cancel()
