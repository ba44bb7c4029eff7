from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.inference.batches import (
    MAX_PADDING,
    RUN_TOKENS,
    BatchEmissions,
    merge_batches,
    padded_tokens,
    plan_batches,
)

lengths = st.lists(st.integers(3, 512), max_size=60)


@given(lengths, st.integers(1, 4096))
def test_every_window_is_in_exactly_one_batch(lengths: list[int], budget: int) -> None:
    batches = plan_batches(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))


@given(lengths, st.integers(1, 4096))
def test_padded_batches_stay_within_the_budget(lengths: list[int], budget: int) -> None:
    for batch in plan_batches(lengths, budget):
        padded = len(batch) * max(lengths[index] for index in batch)
        assert padded <= budget or len(batch) == 1


def test_padded_tokens_include_padding() -> None:
    assert padded_tokens([10, 500, 12, 11], max_tokens=64) == 3 * 12 + 500
    assert padded_tokens([], max_tokens=64) == 0


def test_short_windows_share_a_batch() -> None:
    assert plan_batches([10, 500, 12, 11], max_tokens=64) == [[0, 3, 2], [1]]


@given(lengths, st.integers(1, 4096))
def test_the_padding_of_a_batch_is_a_tenth_or_costs_less_than_a_run(lengths: list[int], budget: int) -> None:
    for batch in plan_batches(lengths, budget):
        own = [lengths[index] for index in batch]
        padded = len(own) * max(own)
        assert padded - sum(own) <= max(RUN_TOKENS, MAX_PADDING * padded)


@given(st.integers(0, 10_000), st.sampled_from([256, 512, 2048]))
def test_texts_of_8_to_400_characters_have_at_most_a_tenth_of_padding(seed: int, budget: int) -> None:
    lengths = Random(seed).choices(range(8, 401), k=400)
    # In groups of 16, as from 16 clients.
    groups = [lengths[start : start + 16] for start in range(0, len(lengths), 16)]
    padded = sum(padded_tokens(group, budget) for group in groups)
    assert 1 - sum(lengths) / padded <= 0.1


def test_no_windows() -> None:
    assert plan_batches([], 100) == []


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 128)), max_size=8))
def test_merged_batches_have_the_emissions_of_every_window(shapes: list[tuple[int, int]]) -> None:
    batches: list[BatchEmissions] = []
    for number, (rows, positions) in enumerate(shapes):
        emissions = np.full((rows, positions, 2), number + 1, dtype=np.float32)
        batches.append(BatchEmissions([100 * number + row for row in range(rows)], emissions))
    merged = merge_batches(batches)
    found = {index: row for batch in merged for index, row in zip(batch.windows, batch.emissions, strict=True)}
    assert sorted(found) == sorted(index for batch in batches for index in batch.windows)
    for index, row in found.items():
        number = index // 100
        positions = shapes[number][1]
        assert (row[:positions] == number + 1).all()
        assert (row[positions:] == 0).all()


def test_batches_are_merged_if_they_are_of_similar_length() -> None:
    def emissions(rows: int, positions: int) -> BatchEmissions:
        return BatchEmissions([0] * rows, np.zeros((rows, positions, 2), dtype=np.float32))

    assert len(merge_batches([emissions(4, 30), emissions(4, 60)])) == 1
    assert len(merge_batches([emissions(40, 30), emissions(4, 60)])) == 2
