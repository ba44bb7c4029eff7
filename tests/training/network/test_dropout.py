from __future__ import annotations

import pytest
import torch

from training.network.dropout import Dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_share_of_the_values_becomes_zero_and_the_mean_stays(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    dropped = Dropout(0.1)(torch.ones(400, 256, dtype=dtype))
    assert dropped.dtype == dtype
    assert float((dropped == 0).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert float(dropped.float().mean()) == pytest.approx(1.0, abs=0.02)


def test_two_calls_drop_different_values_unless_the_seed_is_the_same() -> None:
    values, dropout = torch.ones(16, 256), Dropout(0.5)
    torch.manual_seed(1)
    first, second = dropout(values), dropout(values)
    torch.manual_seed(1)
    assert torch.equal(dropout(values), first)
    assert not torch.equal(second, first)


def test_the_gradient_passes_only_through_the_values_that_were_kept() -> None:
    values = torch.ones(8, 32, requires_grad=True)
    dropped = Dropout(0.5)(values)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad == 0, dropped == 0)


@pytest.mark.parametrize("dropout", [Dropout(0.5).eval(), Dropout(0.0)])
def test_nothing_is_dropped_after_training_or_with_a_share_of_zero(dropout: Dropout) -> None:
    values = torch.ones(8, 32)
    assert dropout(values) is values
