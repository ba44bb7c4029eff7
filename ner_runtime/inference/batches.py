"""Group windows into batches for the encoder.

The encoder computes padding too. Windows are therefore sorted by length, and a batch is full when its padded size (the
number of its windows times the length of the longest one) would exceed the token budget, or when its padding would cost
more than another run of the encoder. Batches of similar length are merged before the CRF decodes them, because each
position of a batch has a fixed cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_PADDING = 0.1
"""Maximum share of padding in a batch, unless the padding is less than `RUN_TOKENS`."""
RUN_TOKENS = 32
"""The fixed cost of a run of the encoder, as a number of tokens."""
POSITION_WINDOWS = 16
"""The fixed cost of decoding a position of a batch, as a number of windows."""


@dataclass(frozen=True, slots=True)
class BatchEmissions:
    """The output of the encoder for some of the windows of a call."""

    windows: list[int]  # (batch,), indices of the windows
    emissions: NDArray[np.float32]  # (batch, positions, labels)


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


def merge_batches(batches: Sequence[BatchEmissions]) -> list[BatchEmissions]:
    """Merge batches of similar length, if padding the shorter ones costs less than decoding another batch."""
    groups: list[list[BatchEmissions]] = []
    for batch in sorted(batches, key=_positions):
        if groups:
            shorter = groups[-1]
            padding = sum(len(one.windows) * (_positions(batch) - _positions(one)) for one in shorter)
            if padding <= POSITION_WINDOWS * _positions(shorter[-1]):
                shorter.append(batch)
                continue
        groups.append([batch])
    return [group[0] if len(group) == 1 else _joined(group) for group in groups]


def _positions(batch: BatchEmissions) -> int:
    return batch.emissions.shape[1]


def _joined(batches: Sequence[BatchEmissions]) -> BatchEmissions:
    """Join batches, shortest first, into one; their emissions are padded with zeros."""
    windows = [index for batch in batches for index in batch.windows]
    emissions = np.zeros((len(windows), *batches[-1].emissions.shape[1:]), dtype=np.float32)
    start = 0
    for batch in batches:
        rows, positions, _ = batch.emissions.shape
        emissions[start : start + rows, :positions] = batch.emissions
        start += rows
    return BatchEmissions(windows, emissions)
