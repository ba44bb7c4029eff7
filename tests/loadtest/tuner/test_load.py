"""The processes of a load: what each of them sends."""

from __future__ import annotations

from random import Random

import pytest

from loadtest.tuner.load import Load, part_of


def test_a_single_process_gets_the_whole_load() -> None:
    load = Load(rate=100, seconds=8, max_late=23, clients=32)
    assert part_of(load, 1) == load


@pytest.mark.parametrize("count", [2, 8, 64])
def test_every_process_of_a_closed_loop_has_a_client(count: int) -> None:
    part = part_of(Load(seconds=8, clients=32), count)
    assert part.clients * count >= 32
    assert part.clients >= 1


@pytest.mark.parametrize("count", [2, 4, 16])
def test_chance_does_not_end_a_load_that_meets_the_goal(count: int) -> None:
    late = 20
    most = part_of(Load(rate=400, seconds=5, max_late=late), count).max_late
    random = Random(9)
    ended = 0
    for _ in range(1000):
        processes = random.choices(range(count), k=late)
        ended += max(map(processes.count, range(count))) > most
    assert ended < 50
