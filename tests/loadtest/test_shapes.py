from itertools import pairwise

import pytest

from loadtest.shapes import Shape, ShapeName


def users(name: ShapeName, height: int = 20, seconds: int = 100) -> list[int]:
    shape = Shape(name, height, seconds)
    counts = [shape.users_at(second) for second in range(seconds)]
    assert shape.users_at(seconds) is None
    assert all(isinstance(count, int) and 1 <= count <= height for count in counts)
    return [count for count in counts if count is not None]


@pytest.mark.parametrize("name", [ShapeName.STEADY, ShapeName.SOAK])
def test_steady_and_soak_ramp_up_and_hold(name: ShapeName) -> None:
    counts = users(name)
    assert counts == sorted(counts)
    assert max(after - before for before, after in pairwise(counts)) == 1
    assert set(counts[25:]) == {20}


def test_step_has_five_steps() -> None:
    assert sorted(set(users(ShapeName.STEP))) == [4, 8, 12, 16, 20]


def test_spike_is_sudden() -> None:
    counts = users(ShapeName.SPIKE)
    assert (counts[39], counts[40], counts[59], counts[60]) == (4, 20, 20, 4)


@pytest.mark.parametrize("name", [name for name in ShapeName if name.open_loop])
def test_open_loop_shapes_have_a_share_of_the_rate(name: ShapeName) -> None:
    shares = {Shape(name, 1, 100, rate=50).share_at(second) for second in range(100)}
    assert max(shares) == 1
    assert min(shares) > 0


@pytest.mark.parametrize("name", ShapeName)
def test_there_is_always_at_least_one_user(name: ShapeName) -> None:
    assert set(users(name, height=1, seconds=10)) == {1}
