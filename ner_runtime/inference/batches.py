"""Group windows into batches for the encoder.

The encoder computes padding too. Windows are therefore sorted by length, and a batch is full when its padded size (the
number of its windows times the length of the longest one) would exceed the token budget.
"""

from __future__ import annotations

from collections.abc import Sequence


def plan_batches(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Group windows into batches; return the indices of the windows of each batch.

    Every index occurs exactly once. A window longer than the budget is a batch of its own.

    Args:
        lengths: length of each window in tokens, including [CLS] and [SEP]
        max_tokens: the token budget of a batch, padding included
    """
    batches: list[list[int]] = []
    batch: list[int] = []
    # Shortest first: the current window is always the longest of its batch.
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > max_tokens:
            batches.append(batch)
            batch = []
        batch.append(index)
    if batch:
        batches.append(batch)
    return batches


def padded_tokens(lengths: Sequence[int], max_tokens: int) -> int:
    """Return the number of tokens that the encoder computes for windows of the given lengths, padding included."""
    batches = plan_batches(lengths, max_tokens)
    return sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)
