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
def test_steady_comes_up_slowly_and_holds(name: ShapeName) -> None:
    counts = users(name)
    assert counts == sorted(counts)
    assert max(after - before for before, after in pairwise(counts)) == 1
    assert set(counts[25:]) == {20}


def test_step_has_five_steps() -> None:
    assert sorted(set(users(ShapeName.STEP))) == [4, 8, 12, 16, 20]


def test_spike_comes_at_once_and_goes() -> None:
    counts = users(ShapeName.SPIKE)
    assert (counts[39], counts[40], counts[59], counts[60]) == (4, 20, 20, 4)


@pytest.mark.parametrize("name", ShapeName)
def test_one_user_is_never_none(name: ShapeName) -> None:
    assert set(users(name, height=1, seconds=10)) == {1}
