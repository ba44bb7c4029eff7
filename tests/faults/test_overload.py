"""Three times the capacity of the service, for a minute: `make faults`. The capacity is measured just before."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support.http.arrivals import Arrival, closed_loop, open_loop, percentile
from tests.support.servers.service import serve
from tests.support.texts.examples import NEWS

pytestmark = pytest.mark.faults

SECONDS = float(os.environ.get("RANER_FAULT_SECONDS", "60"))
TIMEOUT_S = 5.0
# Long enough that the cost of the client and of HTTP is small beside the cost of inference.
CHARACTERS = 400


def texts() -> Iterator[str]:
    """Texts that never repeat."""
    story = "".join(NEWS) * 10
    for number in count():
        start = number * 37 % 200
        yield f"{number}。{story[start : start + CHARACTERS]}"


def within(arrivals: list[Arrival], first: float, last: float) -> list[Arrival]:
    start = arrivals[0].sent
    return [arrival for arrival in arrivals if first <= arrival.sent - start < last]


def test_overload_is_refused_at_once_and_the_rest_is_served_in_time(tmp_path: Path) -> None:
    settings = {"RANER_WORKERS": "1", "RANER_THREADS": "1", "RANER_TIMEOUT_S": f"{TIMEOUT_S:g}"}
    with serve(tmp_path / "log", RANER_CACHE_URL="off", **settings) as server:
        new_texts = texts()
        closed_loop(server.url, new_texts, 8, 5)
        alone = [arrival.seconds for arrival in closed_loop(server.url, new_texts, 1, 5)]
        full = [arrival for arrival in closed_loop(server.url, new_texts, 8, 15) if arrival.status == 200]
        capacity = len(full) / 15
        arrivals = open_loop(server.url, new_texts, 3 * capacity, SECONDS)
        after = open_loop(server.url, new_texts, max(1.0, 0.2 * capacity), 8)
    statuses = Counter(arrival.status for arrival in arrivals)
    accepted = [arrival.seconds for arrival in arrivals if arrival.status == 200]
    refused = [arrival.seconds for arrival in arrivals if arrival.status in (429, 503)]
    goodput = len(accepted) / SECONDS
    slow = 3 * percentile(alone, 0.99)
    late = [arrival for arrival in within(after, 5, 8) if arrival.status != 200 or arrival.seconds > slow]
    print(
        f"\ncapacity {capacity:.1f}/s, offered {len(arrivals) / SECONDS:.1f}/s, goodput {goodput:.1f}/s"
        f" ({goodput / capacity:.0%}), {dict(statuses)}\n"
        f"accepted: P50 {percentile(accepted, 0.5):.2f} s, P99 {percentile(accepted, 0.99):.2f} s;"
        f" refused: P50 {percentile(refused, 0.5) * 1000:.0f} ms, P99 {percentile(refused, 0.99) * 1000:.0f} ms\n"
        f"alone: P99 {percentile(alone, 0.99):.2f} s; {len(late)} late responses from 5 s after the overload on"
    )
    assert set(statuses) <= {200, 429, 503}
    assert goodput >= 0.9 * capacity
    assert percentile(refused, 0.99) <= 0.05
    assert percentile(accepted, 0.99) <= TIMEOUT_S
    assert not late
