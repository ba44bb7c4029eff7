"""The tagger: encoder, linear layer and CRF, as in RaNER's checkpoints.

Emissions cover characters only: [CLS] and [SEP] are removed before the CRF.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data.tagset import Tagset
from training.examples.batches import Batch
from training.network.crf import CRF, FORBIDDEN
from training.network.dropout import Dropout
from training.network.encoder import Encoder, Geometry


class Tagger(nn.Module):
    def __init__(self, geometry: Geometry, tagset: Tagset, dropout: float = 0.0) -> None:
        super().__init__()
        self.tagset = tagset
        self.encoder = Encoder(geometry, dropout)
        self.dropout = Dropout(dropout)
        self.linear = nn.Linear(geometry.hidden_size, len(tagset))
        self.crf = CRF(tagset)

    def forward(self, batch: Batch) -> Tensor:
        """Return the emissions, in float32.

        Returns:
            (batch, characters, labels), where `characters` is the sequence without [CLS] and [SEP]
        """
        hidden = self.encoder(batch.ids, visible=batch.visible, flags=batch.flags)  # (batch, sequence, hidden)
        return self.linear(self.dropout(hidden))[:, 1:-1].float()  # (batch, characters, labels)

    @torch.no_grad()
    def paths(self, batch: Batch) -> list[list[int]]:
        """Return the best path of labels of each row."""
        return self.crf.decode(self(batch), batch.characters)


def allowed_cross_entropy(emissions: Tensor, allowed: Tensor, visible: Tensor) -> Tensor:
    """Return the negative log-probability of the allowed labels, averaged over the visible positions.

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
    """Return the CRF's loss per visible position; the shapes are those of `allowed_cross_entropy`."""
    return crf(emissions, allowed, visible).sum() / visible.sum()
