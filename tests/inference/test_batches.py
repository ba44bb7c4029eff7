from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.inference.batches import MAX_PADDING, RUN_TOKENS, padded_tokens, plan_batches

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


@given(st.integers(0, 10_000))
def test_texts_of_8_to_400_characters_have_at_most_a_tenth_of_padding(seed: int) -> None:
    lengths = Random(seed).choices(range(8, 401), k=400)
    # In groups of 16, as from 16 clients.
    groups = [lengths[start : start + 16] for start in range(0, len(lengths), 16)]
    padded = sum(padded_tokens(group, 2048) for group in groups)
    assert 1 - sum(lengths) / padded <= 0.1


def test_no_windows() -> None:
    assert plan_batches([], 100) == []
