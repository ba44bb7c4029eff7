"""Blocks: stretches of plain text with masked characters, for pretraining.

A batch is a pure function of (seed, step): a run that is stopped and resumed sees what an unbroken one would have
seen. Masks cover one to three neighbouring characters, as a lone hidden character of a Chinese word is too easy
(Cui et al., 2021, MacBERT). Some blocks are rewritten in traditional script or in full-width digits and letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.script import ALPHANUMERIC_TO_FULL, FULL_TO_HALF, HALF_TO_FULL, traditional_table
from training.vocabulary import CLS, MASK, SEP, UNK, Ids, Vocabulary

_MASKED_SHARE = 0.2
_SPAN_SHARES = (0.4, 0.4, 0.2)
# The others are shown as a character from elsewhere in the batch, to be guessed and to be found out.
_SHOWN_AS_MASK = 0.65
# The position of a block's first character is moved in this share of blocks, so that every position gets trained
# although blocks are short.
_MOVED_SHARE = 0.3
# Sources are sampled by size to this power: one large source is not to drown the others.
_SIZE_POWER = 0.7


@dataclass(frozen=True, slots=True)
class MaskedBatch:
    """Blocks with masks.

    Attributes:
        ids: (batch, length)
        positions: (batch, length)
        masked: (batch, length), true where a character is to be guessed
        targets: (masked,), the ids under the masks, in row order
        hidden: (batch, length), true where a guess has only its context to go by; elsewhere in `masked`, another
            character stands in the place of the true one
    """

    ids: Tensor
    positions: Tensor
    masked: Tensor
    targets: Tensor
    hidden: Tensor

    def to(self, device: torch.device) -> MaskedBatch:
        parts = (self.ids, self.positions, self.masked, self.targets, self.hidden)
        return MaskedBatch(*(part.to(device) for part in parts))


def encode_lines(lines: Iterable[str], vocabulary: Vocabulary) -> Ids:
    """All lines as one row of ids, a line break between them as at run time: [UNK].

    Returns:
        (code points,)
    """
    return np.concatenate([vocabulary.encode(line + "\n").astype(np.uint16) for line in lines]).astype(np.int64)


class BlockSampler:
    """Draws batches of blocks from several sources."""

    def __init__(
        self, sources: Sequence[Ids], vocabulary: Vocabulary, *, length: int, positions: int, seed: int
    ) -> None:
        """`sources` are rows of ids; `length` is a block's, [CLS] and [SEP] included; `positions` the encoder's."""
        self._sources = [source for source in sources if len(source) >= length]
        sizes = np.array([len(source) for source in self._sources], dtype=np.float64) ** _SIZE_POWER  # (sources,)
        self._shares = sizes / sizes.sum()  # (sources,)
        self._pieces = len(vocabulary)
        self._length = length
        self._positions = positions
        self._seed = seed
        tables = (traditional_table(), ALPHANUMERIC_TO_FULL, HALF_TO_FULL, FULL_TO_HALF)
        self._rewrites = [np.arange(self._pieces), *(vocabulary.translation(table) for table in tables)]
        self._rewrite_shares = (0.68, 0.12, 0.1, 0.02, 0.08)

    def draw(self, step: int, batch: int) -> MaskedBatch:
        """The batch of a step."""
        random = np.random.default_rng((self._seed, step))
        inner = self._length - 2
        text = np.stack([self._block(random, inner) for _ in range(batch)])  # (batch, length - 2)
        masked = self._masks(random, text.shape) & (text != UNK)  # (batch, length - 2)
        shown = text.copy()  # (batch, length - 2)
        fate = random.random(text.shape)  # (batch, length - 2)
        shown[masked & (fate < _SHOWN_AS_MASK)] = MASK
        replaced = masked & (fate >= _SHOWN_AS_MASK)  # (batch, length - 2)
        shown[replaced] = random.choice(text.ravel(), int(replaced.sum()))
        ids = np.pad(shown, ((0, 0), (1, 1)))  # (batch, length)
        ids[:, 0], ids[:, -1] = CLS, SEP
        return MaskedBatch(
            torch.from_numpy(ids),
            torch.from_numpy(self._place(random, batch)),
            torch.from_numpy(np.pad(masked, ((0, 0), (1, 1)))),
            torch.from_numpy(text[masked]),
            torch.from_numpy(np.pad(shown == MASK, ((0, 0), (1, 1)))),
        )

    def _block(self, random: np.random.Generator, inner: int) -> Ids:
        source = self._sources[random.choice(len(self._sources), p=self._shares)]
        start = int(random.integers(0, len(source) - inner + 1))
        rewrite = self._rewrites[random.choice(len(self._rewrites), p=self._rewrite_shares)]
        return rewrite[source[start : start + inner]]

    @staticmethod
    def _masks(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        mean = sum(share * length for length, share in enumerate(_SPAN_SHARES, start=1))
        begins = random.random(shape) < _MASKED_SHARE / mean
        lengths = random.choice(len(_SPAN_SHARES), size=shape, p=_SPAN_SHARES) + 1
        masked = begins.copy()
        for reach in range(1, len(_SPAN_SHARES)):
            masked[:, reach:] |= begins[:, :-reach] & (lengths[:, :-reach] > reach)
        return masked

    def _place(self, random: np.random.Generator, batch: int) -> Ids:
        shift = random.integers(0, self._positions - self._length + 1, (batch, 1))  # (batch, 1)
        shift[random.random((batch, 1)) >= _MOVED_SHARE] = 0
        positions = np.arange(self._length) + shift  # (batch, length)
        positions[:, 0] = 0
        return positions
