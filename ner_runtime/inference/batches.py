"""Group windows into batches for the encoder.

The encoder computes padding too. Windows are therefore sorted by length, and a batch is full when its padded size (the
number of its windows times the length of the longest one) would exceed the token budget, or when its padding would cost
more than another run of the encoder.
"""

from __future__ import annotations

from collections.abc import Sequence

MAX_PADDING = 0.1
"""Maximum share of padding in a batch, unless the padding is less than `RUN_TOKENS`."""
RUN_TOKENS = 32
"""The fixed cost of a run of the encoder, as a number of tokens."""


def plan_batches(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Group windows into batches; return the indices of the windows of each batch.

    Every index occurs exactly once. A window longer than the budget is a batch of its own.

    Args:
        lengths: length of each window in tokens, including [CLS] and [SEP]
        max_tokens: the token budget of a batch, padding included
    """
    batches: list[list[int]] = []
    batch: list[int] = []
    tokens = 0
    # Shortest first: the current window is always the longest of its batch.
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        padded = (len(batch) + 1) * lengths[index]
        padding = padded - tokens - lengths[index]
        if batch and (padded > max_tokens or padding > max(RUN_TOKENS, MAX_PADDING * padded)):
            batches.append(batch)
            batch, tokens = [], 0
        batch.append(index)
        tokens += lengths[index]
    if batch:
        batches.append(batch)
    return batches


def padded_tokens(lengths: Sequence[int], max_tokens: int) -> int:
    """Return the number of tokens that the encoder computes for windows of the given lengths, padding included."""
    batches = plan_batches(lengths, max_tokens)
    return sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)
