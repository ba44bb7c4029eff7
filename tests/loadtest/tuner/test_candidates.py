"""The candidates fit the number of CPUs, and the promising ones come first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.tuner.candidates import ENGINES, Candidate, candidates, installed_engines
from ner_runtime.settings import Settings


def pairs(cpus: int, **options: list[int]) -> list[tuple[int, int]]:
    return [(item.workers, item.threads) for item in candidates(cpus, ["onnxruntime"], **options)]


@pytest.mark.parametrize(
    ("cpus", "expected"),
    [
        (1, [(1, 1)]),
        (2, [(2, 1), (1, 2), (1, 1)]),
        (6, [(6, 1), (2, 3), (1, 6), (4, 1), (2, 1), (1, 1)]),
    ],
)
def test_candidates_of_a_number_of_cpus(cpus: int, expected: list[tuple[int, int]]) -> None:
    assert pairs(cpus) == expected


@given(cpus=st.integers(1, 256))
def test_no_candidate_has_more_threads_than_cpus(cpus: int) -> None:
    assert all(workers * threads <= cpus for workers, threads in pairs(cpus))
    assert pairs(cpus)[0] == (cpus, 1)
    assert len(pairs(cpus)) <= 20


def test_what_is_asked_for_is_tried() -> None:
    assert pairs(2, workers=[3]) == [(3, 1)]
    assert pairs(2, workers=[3], threads=[4]) == [(3, 4)]
    assert [item.engine for item in candidates(1, ENGINES)] == list(ENGINES)


def test_the_variables_are_settings() -> None:
    assert "onnxruntime" in installed_engines()
    names = Candidate(workers=1, threads=1, engine="onnxruntime").variables
    assert {name.removeprefix("RANER_").lower() for name in names} <= Settings.model_fields.keys()
