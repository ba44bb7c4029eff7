"""BERT's encoder, written to train faster on a CPU. Its state dict has the same names as that of `BertModel`.

It is a post-layer-norm transformer with learnt positions (Devlin et al., 2019). It differs from
`transformers.BertModel` for speed only: one matrix product computes query, key and value, and attention has no dropout.
Token types are always 0, as in RaNER. Optionally, lexicon flags are added to the embeddings (see
`ner_runtime.lexicon.features`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.network.dropout import Dropout

_STD = 0.04
_LEXICON_STD = 0.3
_LONGEST_WAVE = 1000.0
# Added to the attention scores of padding.
_INVISIBLE = -1e4


@dataclass(frozen=True)
class Geometry:
    """The sizes of an encoder, named as in `config.json`; `lexicon_flags` is 0 for an encoder without a lexicon."""

    vocab_size: int
    hidden_size: int = 256
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    intermediate_size: int = 512
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    lexicon_flags: int = 0
    lexicon_size: int = 64

    def to_dict(self) -> dict[str, int | float]:
        return asdict(self)


class LexiconEmbeddings(nn.Module):
    """Maps the lexicon flags of each character to a vector, which is zero at the start of training."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.inner = nn.Linear(geometry.lexicon_flags, geometry.lexicon_size)
        self.outer = nn.Linear(geometry.lexicon_size, geometry.hidden_size, bias=False)

    def forward(self, flags: Tensor) -> Tensor:
        inner = functional.relu(self.inner(flags.to(self.inner.weight.dtype)))  # (batch, sequence, lexicon_size)
        return self.outer(inner)  # (batch, sequence, hidden)


class Embeddings(nn.Module):
    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        hidden = geometry.hidden_size
        self.word_embeddings = nn.Embedding(geometry.vocab_size, hidden, padding_idx=0)
        self.position_embeddings = nn.Embedding(geometry.max_position_embeddings, hidden)
        self.token_type_embeddings = nn.Embedding(geometry.type_vocab_size, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=geometry.layer_norm_eps)
        self.lexicon = LexiconEmbeddings(geometry) if geometry.lexicon_flags else None

    def forward(self, ids: Tensor, positions: Tensor, flags: Tensor | None) -> Tensor:
        hidden = self.word_embeddings(ids) + self.position_embeddings(positions)  # (batch, sequence, hidden)
        if self.lexicon is not None and flags is not None:
            hidden = hidden + self.lexicon(flags)  # (batch, sequence, hidden)
        return self.LayerNorm(hidden + self.token_type_embeddings.weight[0])  # (batch, sequence, hidden)


class SelfAttention(nn.Module):
    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        hidden = geometry.hidden_size
        self.heads = geometry.num_attention_heads
        self.scale = (hidden // self.heads) ** -0.5
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)

    def forward(self, hidden: Tensor, penalty: Tensor | None) -> Tensor:
        batch, sequence, width = hidden.shape
        weight = torch.cat([self.query.weight, self.key.weight, self.value.weight])  # (3 * hidden, hidden)
        bias = torch.cat([self.query.bias, self.key.bias, self.value.bias])  # (3 * hidden,)
        projected = functional.linear(hidden, weight, bias)  # (batch, sequence, 3 * hidden)
        split = projected.view(batch, sequence, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        # Plain products: on a CPU the backward pass of fused attention takes four times as long at these lengths.
        query, key, value = split.reshape(3, batch * self.heads, sequence, -1).unbind(0)
        scores = torch.bmm(query * self.scale, key.transpose(1, 2))  # (batch * heads, sequence, sequence)
        if penalty is not None:
            scores = (scores.view(batch, self.heads, sequence, sequence) + penalty).view_as(scores)
        context = torch.bmm(torch.softmax(scores, -1).to(value.dtype), value)  # (batch * heads, sequence, width)
        context = context.view(batch, self.heads, sequence, -1).transpose(1, 2)  # (batch, sequence, heads, width)
        return context.reshape(batch, sequence, width)  # (batch, sequence, hidden)


class Residual(nn.Module):
    """Projects `inner`, adds `residual`, and normalises the sum, as BERT's `output` blocks do."""

    def __init__(self, inner: int, hidden: int, eps: float, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=eps)
        self.dropout = Dropout(dropout)

    def forward(self, inner: Tensor, residual: Tensor) -> Tensor:
        return self.LayerNorm(residual + self.dropout(self.dense(inner)))  # (batch, sequence, hidden)


class Attention(nn.Module):
    def __init__(self, geometry: Geometry, dropout: float) -> None:
        super().__init__()
        # The name of this block in published checkpoints is `self`.
        self.add_module("self", SelfAttention(geometry))
        self.output = Residual(geometry.hidden_size, geometry.hidden_size, geometry.layer_norm_eps, dropout)

    def forward(self, hidden: Tensor, penalty: Tensor | None) -> Tensor:
        return self.output(self.get_submodule("self")(hidden, penalty), hidden)  # (batch, sequence, hidden)


class Intermediate(nn.Module):
    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.dense = nn.Linear(geometry.hidden_size, geometry.intermediate_size)

    def forward(self, hidden: Tensor) -> Tensor:
        return functional.gelu(self.dense(hidden))  # (batch, sequence, intermediate)


class Layer(nn.Module):
    def __init__(self, geometry: Geometry, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(geometry, dropout)
        self.intermediate = Intermediate(geometry)
        self.output = Residual(geometry.intermediate_size, geometry.hidden_size, geometry.layer_norm_eps, dropout)

    def forward(self, hidden: Tensor, penalty: Tensor | None) -> Tensor:
        attended = self.attention(hidden, penalty)  # (batch, sequence, hidden)
        return self.output(self.intermediate(attended), attended)  # (batch, sequence, hidden)


class Layers(nn.Module):
    def __init__(self, geometry: Geometry, dropout: float) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(geometry, dropout) for _ in range(geometry.num_hidden_layers))

    def forward(self, hidden: Tensor, penalty: Tensor | None) -> Tensor:
        for layer in self.layer:
            hidden = layer(hidden, penalty)
        return hidden  # (batch, sequence, hidden)


class Encoder(nn.Module):
    """BERT without its pooler. Maps ids to hidden states."""

    def __init__(self, geometry: Geometry, dropout: float = 0.0) -> None:
        """`dropout` applies to the embeddings and to every residual branch, in training only."""
        super().__init__()
        self.geometry = geometry
        self.embeddings = Embeddings(geometry)
        self.dropout = Dropout(dropout)
        self.encoder = Layers(geometry, dropout)
        self.apply(_initialise)
        if self.embeddings.lexicon is not None:
            nn.init.zeros_(self.embeddings.lexicon.outer.weight)
            nn.init.normal_(self.embeddings.lexicon.inner.weight, std=_LEXICON_STD)
        with torch.no_grad():
            self.embeddings.position_embeddings.weight.copy_(_waves(geometry) * _STD)

    def forward(
        self,
        ids: Tensor,
        positions: Tensor | None = None,
        visible: Tensor | None = None,
        flags: Tensor | None = None,
    ) -> Tensor:
        """Return the hidden states of a batch.

        Args:
            ids: (batch, sequence)
            positions: (batch, sequence); by default 0, 1, 2 …
            visible: (batch, sequence), false at padding; by default, there is no padding
            flags: (batch, sequence, flags), the lexicon's flags of each character, 0 or 1

        Returns:
            (batch, sequence, hidden)
        """
        if positions is None:
            positions = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)  # (batch, sequence)
        penalty = None
        if visible is not None:
            penalty = (~visible[:, None, None, :]).float() * _INVISIBLE  # (batch, 1, 1, sequence)
        return self.encoder(self.dropout(self.embeddings(ids, positions, flags)), penalty)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=_STD)
    if isinstance(module, nn.Linear) and "bias" in dict(module.named_parameters()):
        nn.init.zeros_(module.bias)


def _waves(geometry: Geometry) -> Tensor:
    # Positions start as sinusoids of unit variance (Vaswani et al., 2017): with random ones, a small encoder takes
    # thousands of steps to learn which characters are neighbours.
    half = geometry.hidden_size // 2
    place = torch.arange(geometry.max_position_embeddings)[:, None]  # (positions, 1)
    angle = place * _LONGEST_WAVE ** -(torch.arange(half) / half)  # (positions, hidden / 2)
    return torch.cat([angle.sin(), angle.cos()], -1) * 2**0.5  # (positions, hidden)
