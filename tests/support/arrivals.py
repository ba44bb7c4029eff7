"""Arrivals: an open loop. Requests come at a rate, whatever becomes of those before, as they do from many people."""

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


@dataclass(frozen=True)
class Arrival:
    """A request: when it came (monotonic seconds), how long its answer took, and its status; 0 where there was none."""

    came: float
    seconds: float
    status: int


def arrive(url: str, texts: Iterator[str], rate: float, seconds: float) -> list[Arrival]:
    """Send requests at a rate (a Poisson process) for so many seconds, and wait for the last answer."""

    async def arriving() -> list[Arrival]:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            tasks: list[asyncio.Task[Arrival]] = []
            due = began = time.monotonic()
            while due - began < seconds:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                tasks.append(asyncio.create_task(_ask(session, url, next(texts))))
                due += random.expovariate(rate)
            return await asyncio.gather(*tasks)

    return asyncio.run(arriving())


def in_turn(url: str, texts: Iterator[str], clients: int, seconds: float) -> list[Arrival]:
    """A closed loop: each client sends its next request when the one before is answered."""

    async def client(session: aiohttp.ClientSession, ends: float) -> list[Arrival]:
        arrivals: list[Arrival] = []
        while time.monotonic() < ends:
            arrivals.append(await _ask(session, url, next(texts)))
            if arrivals[-1].status != 200:
                # Who is turned back comes again later, or would measure how fast the service refuses.
                await asyncio.sleep(1)
        return arrivals

    async def all_clients() -> list[Arrival]:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
            ends = time.monotonic() + seconds
            return list(chain(*await asyncio.gather(*(client(session, ends) for _ in range(clients)))))

    return asyncio.run(all_clients())


async def _ask(session: aiohttp.ClientSession, url: str, text: str) -> Arrival:
    came = time.monotonic()
    try:
        async with session.post(f"{url}/ner", json={"text": text}) as answer:
            await answer.read()
            status = answer.status
    except (aiohttp.ClientError, TimeoutError):
        status = 0
    return Arrival(came, time.monotonic() - came, status)


def percentile(seconds: list[float], share: float) -> float:
    """The value below which a share of them lies; NaN where there are none."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan
