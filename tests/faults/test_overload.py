"""Three times what the service can answer, for a minute: `make faults`. Capacity is measured just before."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support.arrivals import Arrival, arrive, in_turn, percentile
from tests.support.examples import NEWS
from tests.support.servers import serve

pytestmark = pytest.mark.faults

SECONDS = float(os.environ.get("RANER_FAULT_SECONDS", "60"))
TIMEOUT_S = 5.0
# Long enough that this process and the way to it are not what is measured.
CHARACTERS = 400


def texts() -> Iterator[str]:
    """Ever new texts."""
    story = "".join(NEWS) * 10
    for number in count():
        start = number * 37 % 200
        yield f"{number}。{story[start : start + CHARACTERS]}"


def within(arrivals: list[Arrival], first: float, last: float) -> list[Arrival]:
    began = arrivals[0].came
    return [arrival for arrival in arrivals if first <= arrival.came - began < last]


def test_overload_is_turned_back_at_once_and_the_rest_is_answered_in_time(tmp_path: Path) -> None:
    settings = {"RANER_WORKERS": "1", "RANER_THREADS": "1", "RANER_TIMEOUT_S": f"{TIMEOUT_S:g}"}
    with serve(tmp_path / "log", RANER_CACHE_URL="off", **settings) as server:
        asked = texts()
        in_turn(server.url, asked, 8, 5)
        alone = [arrival.seconds for arrival in in_turn(server.url, asked, 1, 5)]
        full = [arrival for arrival in in_turn(server.url, asked, 8, 15) if arrival.status == 200]
        capacity = len(full) / 15
        arrivals = arrive(server.url, asked, 3 * capacity, SECONDS)
        after = arrive(server.url, asked, max(1.0, 0.2 * capacity), 8)
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
        f"alone: P99 {percentile(alone, 0.99):.2f} s; from five seconds after on {len(late)} answers are late"
    )
    assert set(statuses) <= {200, 429, 503}
    assert goodput >= 0.9 * capacity
    assert percentile(refused, 0.99) <= 0.05
    assert percentile(accepted, 0.99) <= TIMEOUT_S
    assert not late
