"""Dropout that is faster than `torch.nn.Dropout` on a CPU, where random numbers take a fifth of a training step."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

_DRAWN = 1 << 24


class Dropout(nn.Module):
    """Sets a share of the values to zero and scales up the others, in training only (Srivastava et al., 2014).

    On a CPU, the pattern of zeros is a slice, at a random position, of a long pattern that is drawn once.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.p = share

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return values
        if values.device.type != "cpu" or values.numel() > _DRAWN // 2:
            return nn.functional.dropout(values, self.p)
        start = int(torch.randint(_DRAWN - values.numel(), ()))
        return values * _pattern(self.p, values.dtype)[start : start + values.numel()].view_as(values)


@cache
def _pattern(share: float, dtype: torch.dtype) -> Tensor:
    """Return `_DRAWN` values: zero with probability `share`, otherwise the factor that keeps the mean."""
    random = torch.Generator().manual_seed(1)
    kept = torch.empty(_DRAWN).bernoulli_(1 - share, generator=random)
    return (kept / (1 - share)).to(dtype)
