"""Blocks of plain text for pretraining, with hidden characters and word tags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training.data.vocabulary import CLS, MASK, SEP, Vocabulary, build
from training.data.words import NO_WORD
from training.examples.blocks import BlockBatch, BlockSampler, Source, read_source

LENGTH, POSITIONS, ROWS = 32, 64, 200
TEXT = "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少" * 20


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return build([TEXT], 300)


@pytest.fixture(scope="module")
def source(vocabulary: Vocabulary) -> Source:
    # Each character has its own tag, so that the tests can match tags to characters.
    ids = vocabulary.encode(TEXT)
    return Source(ids, (ids % 100).astype(np.uint8))


@pytest.fixture(scope="module")
def sampler(vocabulary: Vocabulary, source: Source) -> BlockSampler:
    return BlockSampler([source], vocabulary, length=LENGTH, positions=POSITIONS, seed=1)


@pytest.fixture(scope="module")
def batch(sampler: BlockSampler) -> BlockBatch:
    return sampler.draw(0, ROWS)


def test_a_step_always_has_the_same_batch(sampler: BlockSampler, batch: BlockBatch) -> None:
    assert torch.equal(batch.ids, sampler.draw(0, ROWS).ids)
    assert not torch.equal(batch.ids, sampler.draw(1, ROWS).ids)


def test_blocks_begin_with_cls_and_end_with_sep(batch: BlockBatch) -> None:
    assert (batch.ids[:, 0] == CLS).all()
    assert (batch.ids[:, -1] == SEP).all()
    assert (batch.tags[:, [0, -1]] == NO_WORD).all()


def test_some_characters_are_hidden(batch: BlockBatch) -> None:
    assert (batch.ids == MASK).float().mean().item() == pytest.approx(0.1, abs=0.02)


def test_tags_stay_with_their_characters(batch: BlockBatch, vocabulary: Vocabulary) -> None:
    simplified = torch.isin(batch.ids, torch.from_numpy(vocabulary.encode(TEXT)))
    assert torch.equal(batch.tags[simplified], batch.ids[simplified] % 100)


def test_some_blocks_start_at_a_later_position(batch: BlockBatch) -> None:
    assert (batch.positions[:, 0] == 0).all()
    assert ((batch.positions[:, 2:] - batch.positions[:, 1:-1]) == 1).all()
    assert batch.positions.max() < POSITIONS
    moved = (batch.positions[:, 1] > 1).float().mean().item()
    assert 0.15 < moved < 0.45


def test_a_written_source_is_read(vocabulary: Vocabulary, tmp_path: Path) -> None:
    codes = np.frombuffer("春眠\n".encode("utf-32-le"), dtype="<u4")
    np.savez(tmp_path / "source.npz", codes=codes, tags=np.array([0, 2, NO_WORD], dtype=np.uint8))
    source = read_source(tmp_path / "source.npz", vocabulary)
    assert source.ids.tolist() == vocabulary.encode("春眠\n").tolist()
    assert source.tags.tolist() == [0, 2, NO_WORD]
