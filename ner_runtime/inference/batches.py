"""Batches: which windows go through the encoder together.

Padding is work for nothing, so that windows are sorted by length and a batch ends where its padded size, the number of
its windows times the length of its longest, would pass the token budget.
"""

from __future__ import annotations

from collections.abc import Sequence


def plan_batches(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Group the windows of the given lengths (in tokens, with [CLS] and [SEP]) into batches of their indices.

    Every index comes exactly once. A window longer than the budget is a batch of its own.
    """
    batches: list[list[int]] = []
    batch: list[int] = []
    # Shortest first, so that the window looked at is always the longest of its batch.
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > max_tokens:
            batches.append(batch)
            batch = []
        batch.append(index)
    if batch:
        batches.append(batch)
    return batches


def padded_tokens(lengths: Sequence[int], max_tokens: int) -> int:
    """Tokens that the encoder computes for windows of the given lengths, padding included."""
    batches = plan_batches(lengths, max_tokens)
    return sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)
