"""Load: clients that ask one question after the other, and what became of each."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

TIMEOUT_S = 60


@dataclass(frozen=True)
class Outcome:
    """What became of a question: a status and a body, or how the connection failed."""

    asked: int
    ended: float
    seconds: float
    status: int
    body: dict[str, object]
    failure: str


@dataclass
class Load:
    """Outcomes so far, in the order in which they ended."""

    outcomes: list[Outcome] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        """How many of each kind: a status, or how the connection failed."""
        return Counter(outcome.failure or str(outcome.status) for outcome in self.outcomes)

    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status != httpx.codes.OK]


@contextmanager
def load(url: str, texts: Sequence[str], *, clients: int, pause: float = 0.0) -> Generator[Load]:
    """Keep asking about `texts` in turn, each client a question at a time, until the block ends."""
    taken = Load()
    over = threading.Event()
    threads = [
        threading.Thread(target=_ask_on, args=(url, texts, number, clients, pause, over, taken.outcomes.append))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield taken
    finally:
        over.set()
        for thread in threads:
            thread.join(TIMEOUT_S)


def _ask_on(
    url: str,
    texts: Sequence[str],
    number: int,
    clients: int,
    pause: float,
    over: threading.Event,
    note: Callable[[Outcome], None],
) -> None:
    with httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False) as client:
        asked = number
        while not over.is_set():
            note(_ask(client, asked % len(texts), texts[asked % len(texts)]))
            asked += clients
            over.wait(pause)


def _ask(client: httpx.Client, asked: int, text: str) -> Outcome:
    began = time.perf_counter()
    try:
        answer = client.post("/ner", json={"text": text})
    except httpx.TransportError as error:
        return Outcome(asked, time.monotonic(), time.perf_counter() - began, 0, {}, type(error).__name__)
    return Outcome(asked, time.monotonic(), time.perf_counter() - began, answer.status_code, answer.json(), "")
