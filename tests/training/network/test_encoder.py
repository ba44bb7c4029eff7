"""The encoder computes the same hidden states as transformers' BertModel with the same weights."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertModel

from training.network.encoder import Encoder, Geometry

GEOMETRY = Geometry(
    vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=24,
)  # fmt: skip


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(GEOMETRY, dropout=0.1).eval()


@torch.no_grad()
def test_same_hidden_states_as_bert_model(encoder: Encoder) -> None:
    bert = BertModel(BertConfig(**GEOMETRY.to_dict(), attn_implementation="eager"), add_pooling_layer=False).eval()
    missing = bert.load_state_dict(encoder.state_dict())
    assert not missing.missing_keys
    ids = torch.randint(1, GEOMETRY.vocab_size, (3, 10))
    visible = torch.arange(10) < torch.tensor([10, 4, 1])[:, None]
    ours = encoder(ids, visible=visible)
    theirs = bert(ids, attention_mask=visible.long()).last_hidden_state
    torch.testing.assert_close(ours[visible], theirs[visible], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_padding_changes_nothing(encoder: Encoder) -> None:
    ids = torch.randint(1, GEOMETRY.vocab_size, (1, 6))
    padded = torch.cat([ids, torch.zeros(1, 5, dtype=torch.long)], 1)
    visible = torch.arange(11)[None] < 6
    torch.testing.assert_close(encoder(padded, visible=visible)[:, :6], encoder(ids), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_positions_start_at_zero_by_default(encoder: Encoder) -> None:
    ids = torch.randint(1, GEOMETRY.vocab_size, (1, 6))
    assert torch.equal(encoder(ids), encoder(ids, torch.arange(6)[None]))
    assert not torch.equal(encoder(ids), encoder(ids, torch.arange(6)[None] + 3))
