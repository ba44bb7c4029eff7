"""Closed-loop load: clients that send one request after the other, and what became of each request."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

TIMEOUT_S = 60


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    text: index of its text
    ended: when the response came or the connection failed, in `monotonic` seconds
    status: 0 where the connection failed
    failure: name of the transport error; empty where there was a response
    """

    text: int
    ended: float
    seconds: float
    status: int
    body: dict[str, object]
    failure: str


@dataclass
class Load:
    """The outcomes so far, in the order in which they ended."""

    outcomes: list[Outcome] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, outcome: Outcome) -> None:
        with self._changed:
            self.outcomes.append(outcome)
            self._changed.notify_all()

    def wait_for_more(self, count: int) -> None:
        """Wait until `count` more requests have ended."""
        with self._changed:
            target = len(self.outcomes) + count
            assert self._changed.wait_for(lambda: len(self.outcomes) >= target, TIMEOUT_S), "no requests end"

    def counts(self) -> Counter[str]:
        """The number of requests per status or transport error."""
        return Counter(outcome.failure or str(outcome.status) for outcome in self.outcomes)

    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status != httpx.codes.OK]


@contextmanager
def load(url: str, texts: Sequence[str], *, clients: int, pause: float = 0.0, **options: object) -> Generator[Load]:
    """Send the texts to `/ner` over and over, one request at a time per client, until the block ends.

    `options` are further fields of each request, such as `model`.
    """
    result = Load()
    stop = threading.Event()
    threads = [
        threading.Thread(target=_run_client, args=(url, texts, options, number, clients, pause, stop, result))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield result
    finally:
        stop.set()
        for thread in threads:
            thread.join(TIMEOUT_S)


def _run_client(
    url: str,
    texts: Sequence[str],
    options: Mapping[str, object],
    number: int,
    clients: int,
    pause: float,
    stop: threading.Event,
    result: Load,
) -> None:
    with httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False) as client:
        request = number
        while not stop.is_set():
            index = request % len(texts)
            result.add(_send(client, index, {**options, "text": texts[index]}))
            request += clients
            stop.wait(pause)


def _send(client: httpx.Client, index: int, body: Mapping[str, object]) -> Outcome:
    started = time.perf_counter()
    try:
        response = client.post("/ner", json=body)
    except httpx.TransportError as error:
        return Outcome(index, time.monotonic(), time.perf_counter() - started, 0, {}, type(error).__name__)
    seconds = time.perf_counter() - started
    return Outcome(index, time.monotonic(), seconds, response.status_code, response.json(), "")
