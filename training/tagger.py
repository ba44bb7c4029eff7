"""Tagger: encoder, linear layer and CRF; ids to label scores. The network that RaNER's checkpoints hold.

Emissions are of characters alone: [CLS] and [SEP] are cut off before the CRF sees a sequence.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.crf import CRF, FORBIDDEN
from training.encoder import Encoder, Geometry
from training.examples import Batch
from training.tagset import Tagset


class Tagger(nn.Module):
    def __init__(self, geometry: Geometry, tagset: Tagset, dropout: float = 0.0) -> None:
        super().__init__()
        self.tagset = tagset
        self.encoder = Encoder(geometry, dropout)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(geometry.hidden_size, len(tagset))
        self.crf = CRF(tagset)

    def forward(self, batch: Batch) -> Tensor:
        """Emissions, in float32.

        Returns:
            (batch, characters, labels), where `characters` is the sequence without [CLS] and [SEP]
        """
        hidden = self.encoder(batch.ids, visible=batch.visible)  # (batch, sequence, hidden)
        return self.linear(self.dropout(hidden))[:, 1:-1].float()  # (batch, characters, labels)

    @torch.no_grad()
    def paths(self, batch: Batch) -> list[list[int]]:
        """The best path of labels of each row."""
        return self.crf.decode(self(batch), batch.characters)


def allowed_cross_entropy(emissions: Tensor, allowed: Tensor, visible: Tensor) -> Tensor:
    """-log of the probability that each position gives to its allowed labels, mean over visible positions.

    Args:
        emissions: (batch, characters, labels)
        allowed: (batch, characters, labels)
        visible: (batch, characters)

    Returns:
        ()
    """
    log_probability = functional.log_softmax(emissions, -1)  # (batch, characters, labels)
    kept = log_probability.masked_fill(~allowed, FORBIDDEN).logsumexp(-1)  # (batch, characters)
    return -(kept * visible).sum() / visible.sum()


def path_loss(crf: CRF, emissions: Tensor, allowed: Tensor, visible: Tensor) -> Tensor:
    """The CRF's loss per visible position, so that it is of cross-entropy's order; shapes as there."""
    return crf(emissions, allowed, visible).sum() / visible.sum()
