"""Compare the logits of an exported model with those of PyTorch and Transformers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ner_runtime.errors import InvalidModel, MissingExtra
from ner_runtime.lexicon.features import Flags
from ner_runtime.models.checkpoint.reader import LEXICON, Checkpoint, Floats

Ids64 = NDArray[np.int64]

_BATCHES = ((1,), (24,), (17, 9, 1), (64, 3))
"""Row lengths of each compared batch: one or several rows, with and without padding."""
_TOLERANCE = 1e-3
"""Largest accepted difference, relative to the largest logit. Rounding errors are far smaller, graph errors larger."""


def check_against_pytorch(model: Path, checkpoint: Checkpoint) -> float:
    """Compare an exported FP32 model with its checkpoint.

    Returns:
        The largest difference between two logits, relative to the largest logit.

    Raises:
        InvalidModel: the logits differ by more than rounding errors.
        MissingExtra: torch or transformers is not installed.
    """
    logits_of = _pytorch_logits(checkpoint)
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    worst = 0.0
    for lengths in _BATCHES:
        longest = min(max(lengths), checkpoint.geometry.positions)
        ids = random.integers(0, checkpoint.geometry.vocab, (len(lengths), longest))  # (batch, sequence)
        mask = (np.arange(longest) < np.array(lengths)[:, None]).astype(np.int64)  # (batch, sequence)
        feed: dict[str, NDArray[Any]] = {"input_ids": ids, "attention_mask": mask}
        if checkpoint.lexicon_flags:
            feed["lexicon"] = random.integers(0, 2, (*ids.shape, checkpoint.lexicon_flags), dtype=np.uint8)
        expected = logits_of(ids, mask, feed.get("lexicon"))  # (batch, sequence, labels)
        actual = np.asarray(session.run(["logits"], feed)[0])
        if actual.shape != expected.shape:
            raise InvalidModel(f"the logits of the exported model have shape {actual.shape}; PyTorch: {expected.shape}")
        difference = np.abs(actual - expected)[mask == 1].max() / max(np.abs(expected[mask == 1]).max(), 1e-6)
        worst = max(worst, float(difference))
    if not worst <= _TOLERANCE:
        raise InvalidModel(f"the logits of the exported model differ from PyTorch by {worst:.2g} of the largest logit")
    return worst


def _pytorch_logits(checkpoint: Checkpoint) -> Callable[[Ids64, Ids64, Flags | None], Floats]:
    """Return a function that computes logits with PyTorch.

    Its arguments are ids and mask, (batch, sequence), and the flags of a lexicon, (batch, sequence, flags); it returns
    (batch, sequence, labels).
    """
    try:
        import torch
        from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel
    except ImportError:
        raise MissingExtra("importing a model needs torch and transformers: pip install 'ner_runtime[hub]'") from None
    geometry = checkpoint.geometry
    bert = checkpoint.tokenizer == "wordpiece"
    config = (BertConfig if bert else XLMRobertaConfig)(
        vocab_size=geometry.vocab,
        hidden_size=geometry.hidden,
        num_hidden_layers=geometry.layers,
        num_attention_heads=geometry.heads,
        intermediate_size=geometry.intermediate,
        max_position_embeddings=geometry.positions + checkpoint.first_position,
        type_vocab_size=len(checkpoint.encoder["embeddings.token_type_embeddings.weight"]),
        layer_norm_eps=checkpoint.layer_norm_eps,
    )
    encoder = (BertModel if bert else XLMRobertaModel)(config, add_pooling_layer=False).eval()
    weights = checkpoint.encoder
    encoder.load_state_dict(
        {name: torch.from_numpy(array) for name, array in weights.items() if not name.startswith(LEXICON)}, assign=True
    )

    def logits_of(ids: Ids64, mask: Ids64, flags: Flags | None) -> Floats:
        # BERT adds the position embeddings and normalizes the sum, so the lexicon is added to the word embeddings.
        words = weights["embeddings.word_embeddings.weight"][ids]  # (batch, sequence, hidden)
        if flags is not None:
            inner = flags @ weights[f"{LEXICON}.inner.weight"].T + weights[f"{LEXICON}.inner.bias"]
            words = words + np.maximum(inner, 0) @ weights[f"{LEXICON}.outer.weight"].T
        embedded, visible = torch.from_numpy(words), torch.from_numpy(mask)
        with torch.inference_mode():
            hidden = encoder(inputs_embeds=embedded, attention_mask=visible).last_hidden_state.numpy()
        return hidden @ checkpoint.linear_weight.T + checkpoint.linear_bias  # (batch, sequence, labels)

    return logits_of
