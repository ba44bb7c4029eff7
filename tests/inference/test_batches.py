from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.inference.batches import padded_tokens, plan_batches

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


def test_no_windows() -> None:
    assert plan_batches([], 100) == []
