"""Reference: the same encoder computed by PyTorch and Transformers, to compare an exported model with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ner_runtime.errors import InvalidModel, MissingExtra
from ner_runtime.models.checkpoint.reader import Checkpoint, Floats

Ids64 = NDArray[np.int64]

_BATCHES = ((1,), (24,), (17, 9, 1), (64, 3))
"""Lengths of the rows of each batch that is compared: alone and together, padded and not."""
_TOLERANCE = 1e-3
"""Of the largest logit. What one differs by from the other is rounding; a wrong graph is off by the logits' size."""


def check_against_torch(model: Path, checkpoint: Checkpoint) -> float:
    """Compare an exported FP32 model with the checkpoint it was made of.

    Returns:
        The largest difference of a logit, relative to the largest logit.

    Raises:
        InvalidModel: they differ by more than rounding.
        MissingExtra: torch or transformers is not installed.
    """
    logits_of = _reference(checkpoint)
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    worst = 0.0
    for lengths in _BATCHES:
        longest = min(max(lengths), checkpoint.geometry.positions)
        ids = random.integers(0, checkpoint.geometry.vocab, (len(lengths), longest))  # (batch, sequence)
        mask = (np.arange(longest) < np.array(lengths)[:, None]).astype(np.int64)  # (batch, sequence)
        expected = logits_of(ids, mask)  # (batch, sequence, labels)
        answered = np.asarray(session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0])
        if answered.shape != expected.shape:
            raise InvalidModel(f"the exported model answers with shape {answered.shape}, PyTorch with {expected.shape}")
        difference = np.abs(answered - expected)[mask == 1].max() / max(np.abs(expected[mask == 1]).max(), 1e-6)
        worst = max(worst, float(difference))
    if not worst <= _TOLERANCE:
        raise InvalidModel(f"the exported model differs from PyTorch by {worst:.2g} of the largest logit")
    return worst


def _reference(checkpoint: Checkpoint) -> Callable[[Ids64, Ids64], Floats]:
    """(batch, sequence) ids and mask → (batch, sequence, labels)."""
    try:
        import torch
        from transformers import BertConfig, BertModel
    except ImportError:
        raise MissingExtra("importing a model needs torch and transformers: pip install 'ner_runtime[hub]'") from None
    geometry = checkpoint.geometry
    config = BertConfig(
        vocab_size=geometry.vocab,
        hidden_size=geometry.hidden,
        num_hidden_layers=geometry.layers,
        num_attention_heads=geometry.heads,
        intermediate_size=geometry.intermediate,
        max_position_embeddings=geometry.positions,
        type_vocab_size=len(checkpoint.encoder["embeddings.token_type_embeddings.weight"]),
        layer_norm_eps=checkpoint.layer_norm_eps,
    )
    encoder = BertModel(config, add_pooling_layer=False).eval()
    encoder.load_state_dict({name: torch.from_numpy(array) for name, array in checkpoint.encoder.items()}, assign=True)

    def logits_of(ids: Ids64, mask: Ids64) -> Floats:
        with torch.inference_mode():
            hidden = encoder(torch.from_numpy(ids), torch.from_numpy(mask)).last_hidden_state.numpy()
        return hidden @ checkpoint.linear_weight.T + checkpoint.linear_bias  # (batch, sequence, labels)

    return logits_of
