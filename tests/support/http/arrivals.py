"""Open-loop load: requests arrive at a rate that does not depend on the responses, as from many independent clients."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import aiohttp

TIMEOUT_S = 60
REFUSED_PAUSE_S = 1.0


@dataclass(frozen=True)
class Arrival:
    """A request.

    sent: when it was sent, in `monotonic` seconds
    seconds: time to the response
    status: 0 where the connection failed
    """

    sent: float
    seconds: float
    status: int


def open_loop(url: str, texts: Iterator[str], rate: float, seconds: float) -> list[Arrival]:
    """Send requests at `rate` per second (a Poisson process) for `seconds`, and wait for the last response."""

    async def send_all() -> list[Arrival]:
        async with _session() as session:
            tasks: list[asyncio.Task[Arrival]] = []
            due = started = time.monotonic()
            while due - started < seconds:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                tasks.append(asyncio.create_task(_send(session, url, next(texts))))
                due += random.expovariate(rate)
            return await asyncio.gather(*tasks)

    return asyncio.run(send_all())


def closed_loop(url: str, texts: Iterator[str], clients: int, seconds: float) -> list[Arrival]:
    """Send requests for `seconds`; each client sends its next request when the one before has its response."""

    async def run_client(session: aiohttp.ClientSession, end: float) -> list[Arrival]:
        arrivals: list[Arrival] = []
        while time.monotonic() < end:
            arrivals.append(await _send(session, url, next(texts)))
            if arrivals[-1].status != 200:
                # A client that is refused waits, otherwise this would measure how fast the service refuses.
                await asyncio.sleep(REFUSED_PAUSE_S)
        return arrivals

    async def run_all() -> list[Arrival]:
        async with _session() as session:
            end = time.monotonic() + seconds
            return list(chain(*await asyncio.gather(*(run_client(session, end) for _ in range(clients)))))

    return asyncio.run(run_all())


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie; NaN for an empty list."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan


def _session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))


async def _send(session: aiohttp.ClientSession, url: str, text: str) -> Arrival:
    sent = time.monotonic()
    try:
        async with session.post(f"{url}/ner", json={"text": text}) as response:
            await response.read()
            status = response.status
    except (aiohttp.ClientError, TimeoutError):
        status = 0
    return Arrival(sent, time.monotonic() - sent, status)
