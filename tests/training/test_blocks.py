"""Masked blocks: what is shown, what is to be guessed, and that a step's batch is always the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.blocks import BlockSampler, MaskedBatch, encode_lines
from training.vocabulary import CLS, MASK, SEP, UNK, Vocabulary, build

LENGTH, POSITIONS, ROWS = 32, 64, 200
TEXT = "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少" * 20


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return build([TEXT], 300)


@pytest.fixture(scope="module")
def sampler(vocabulary: Vocabulary) -> BlockSampler:
    return BlockSampler([vocabulary.encode(TEXT)], vocabulary, length=LENGTH, positions=POSITIONS, seed=1)


@pytest.fixture(scope="module")
def batch(sampler: BlockSampler) -> MaskedBatch:
    return sampler.draw(0, ROWS)


def test_a_step_has_one_batch(sampler: BlockSampler, batch: MaskedBatch) -> None:
    assert torch.equal(batch.ids, sampler.draw(0, ROWS).ids)
    assert not torch.equal(batch.ids, sampler.draw(1, ROWS).ids)


def test_what_is_not_masked_is_shown(batch: MaskedBatch) -> None:
    assert (batch.ids[:, 0] == CLS).all()
    assert (batch.ids[:, -1] == SEP).all()
    assert not batch.masked[:, [0, -1]].any()
    assert torch.equal(batch.hidden, batch.ids == MASK)
    assert not (batch.hidden & ~batch.masked).any()


def test_shares(batch: MaskedBatch) -> None:
    masked = batch.masked[:, 1:-1].float().mean().item()
    assert masked == pytest.approx(0.19, abs=0.03)
    assert batch.targets.numel() == batch.masked.sum()
    assert (batch.hidden.sum() / batch.masked.sum()).item() == pytest.approx(0.65, abs=0.05)


def test_positions_move_but_for_the_first(batch: MaskedBatch) -> None:
    assert (batch.positions[:, 0] == 0).all()
    assert ((batch.positions[:, 2:] - batch.positions[:, 1:-1]) == 1).all()
    assert batch.positions.max() < POSITIONS
    moved = (batch.positions[:, 1] > 1).float().mean().item()
    assert 0.15 < moved < 0.45


def test_lines_end_as_at_run_time(vocabulary: Vocabulary) -> None:
    ids = encode_lines(["春眠", "", "晓"], vocabulary)
    assert (ids == UNK).tolist() == [False, False, True, True, False, True]
    assert ids.dtype == np.int64
