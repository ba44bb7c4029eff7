"""Draw random blocks of plain text, tagged with the words that the teacher found, for pretraining.

A batch depends on (seed, step) only, so that a resumed run gets the same batches as an uninterrupted one. Some
characters are hidden, one to three neighbours at a time, so that the model must infer the words from their context
(Cui et al., 2021, MacBERT). Some blocks are converted to traditional script or to another width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.data.script import ALPHANUMERIC_TO_FULL, FULL_TO_HALF, HALF_TO_FULL, traditional_table
from training.data.vocabulary import CLS, MASK, SEP, UNK, Ids, Vocabulary
from training.data.words import NO_WORD, Tags

_HIDDEN_SHARE = 0.1
_SPAN_SHARES = (0.5, 0.35, 0.15)
# This share of the blocks starts at a random position, so that every position is trained although blocks are short.
_MOVED_SHARE = 0.3
# Sources are drawn in proportion to their size to this power, so that one large source does not dominate.
_SIZE_POWER = 0.8


@dataclass(frozen=True, slots=True)
class Source:
    """One source of text: `ids` (characters,) and `tags` (characters,), see `training.data.words`."""

    ids: Ids
    tags: Tags

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class BlockBatch:
    """Blocks of one length.

    Attributes:
        ids: (batch, length)
        positions: (batch, length)
        tags: (batch, length), `NO_WORD` for characters without a target
    """

    ids: Tensor
    positions: Tensor
    tags: Tensor

    def to(self, device: torch.device) -> BlockBatch:
        return BlockBatch(*(part.to(device) for part in (self.ids, self.positions, self.tags)))


def read_source(path: Path, vocabulary: Vocabulary) -> Source:
    """Read a source that `training.steps.teacher` wrote."""
    with np.load(path) as stored:
        text = stored["codes"].tobytes().decode("utf-32-le", "surrogatepass")
        return Source(vocabulary.encode(text), stored["tags"])


class BlockSampler:
    """Draws batches of blocks from several sources."""

    def __init__(
        self, sources: Sequence[Source], vocabulary: Vocabulary, *, length: int, positions: int, seed: int
    ) -> None:
        """`length` is that of a block, including [CLS] and [SEP]; `positions` is the number that the encoder has."""
        self._sources = [source for source in sources if len(source) >= length]
        sizes = np.array([len(source) for source in self._sources], dtype=np.float64) ** _SIZE_POWER  # (sources,)
        self._shares = sizes / sizes.sum()  # (sources,)
        self._length = length
        self._positions = positions
        self._seed = seed
        tables = (traditional_table(), ALPHANUMERIC_TO_FULL, HALF_TO_FULL, FULL_TO_HALF)
        self._rewrites = [np.arange(len(vocabulary)), *(vocabulary.translation(table) for table in tables)]
        self._rewrite_shares = (0.72, 0.08, 0.08, 0.02, 0.1)

    def draw(self, step: int, batch: int) -> BlockBatch:
        """Return the batch of a step, which has `batch` blocks."""
        random = np.random.default_rng((self._seed, step))
        blocks = [self._block(random, self._length - 2) for _ in range(batch)]
        text = np.stack([ids for ids, _ in blocks])  # (batch, length - 2)
        tags = np.stack([tags for _, tags in blocks]).astype(np.int64)  # (batch, length - 2)
        text[_hidden(random, text.shape) & (text != UNK)] = MASK
        ids = np.pad(text, ((0, 0), (1, 1)))  # (batch, length)
        ids[:, 0], ids[:, -1] = CLS, SEP
        return BlockBatch(
            torch.from_numpy(ids),
            torch.from_numpy(self._place(random, batch)),
            torch.from_numpy(np.pad(tags, ((0, 0), (1, 1)), constant_values=NO_WORD)),
        )

    def _block(self, random: np.random.Generator, inner: int) -> tuple[Ids, Tags]:
        source = self._sources[random.choice(len(self._sources), p=self._shares)]
        start = int(random.integers(0, len(source) - inner + 1))
        rewrite = self._rewrites[random.choice(len(self._rewrites), p=self._rewrite_shares)]
        return rewrite[source.ids[start : start + inner]], source.tags[start : start + inner]

    def _place(self, random: np.random.Generator, batch: int) -> Ids:
        shift = random.integers(0, self._positions - self._length + 1, (batch, 1))  # (batch, 1)
        shift[random.random((batch, 1)) >= _MOVED_SHARE] = 0
        positions = np.arange(self._length) + shift  # (batch, length)
        positions[:, 0] = 0
        return positions


def _hidden(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    mean = sum(share * length for length, share in enumerate(_SPAN_SHARES, start=1))
    begins = random.random(shape) < _HIDDEN_SHARE / mean
    lengths = random.choice(len(_SPAN_SHARES), size=shape, p=_SPAN_SHARES) + 1
    hidden = begins.copy()
    for reach in range(1, len(_SPAN_SHARES)):
        hidden[:, reach:] |= begins[:, :-reach] & (lengths[:, :-reach] > reach)
    return hidden
