"""Export the encoder and the linear layer of a checkpoint as one ONNX model with dynamic batch and sequence axes.

    input_ids, attention_mask: int64 (batch, sequence)  →  logits: float32 (batch, sequence, labels)
    lexicon: uint8 (batch, sequence, flags), only in models with a lexicon

The graph is built operator by operator instead of traced from PyTorch. It therefore has no fixed shapes, no pooler and
no token types, and its linear layers can be computed in INT8. The CRF is not part of the graph.

XLM-RoBERTa has the same graph as BERT: it only uses other rows of its position embeddings.

Source: BERT (Devlin et al. 2019) as in ModelScope 1.40.2, `modelscope/models/nlp/bert/backbone.py`; XLM-RoBERTa
(Conneau et al. 2020) as in `modelscope/models/nlp/xlm_roberta/backbone.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from onnx import ModelProto, TensorProto

from ner_runtime.models.checkpoint.reader import LEXICON, Checkpoint, Floats
from ner_runtime.models.convert.graph import Graph

_BATCH_AXES = ("batch", "sequence")


class Arithmetic(Protocol):
    """Computes embedding tables and linear layers. Implemented by `Fp32` and `quantize.Int8`."""

    def look_up(self, graph: Graph, name: str, table: Floats, ids: str) -> str:
        """Look up rows: table (rows, hidden), ids (batch, sequence) → (batch, sequence, hidden)."""
        ...

    def linear(self, graph: Graph, x: str, layers: Iterable[tuple[str, Floats, Floats]]) -> list[str]:
        """Apply each layer to x: (batch, sequence, in) → (batch, sequence, out).

        A layer is its name, weight (out, in) and bias (out,).
        """
        ...


class Fp32:
    """Computes everything in FP32, as trained."""

    def look_up(self, graph: Graph, name: str, table: Floats, ids: str) -> str:
        return graph.op("Gather", graph.constant(f"{name}.table", table), ids, name=name)

    def linear(self, graph: Graph, x: str, layers: Iterable[tuple[str, Floats, Floats]]) -> list[str]:
        return [plain_linear(graph, x, name, weight, bias) for name, weight, bias in layers]


def plain_linear(graph: Graph, x: str, name: str, weight: Floats, bias: Floats) -> str:
    """Add an FP32 linear layer: x (batch, sequence, in), weight (out, in), bias (out,) → (batch, sequence, out)."""
    product = graph.op("MatMul", x, graph.constant(f"{name}.weight", weight.T), name=f"{name}.product")
    return graph.op("Add", product, graph.constant(f"{name}.bias", bias), name=name)


def layer_name(index: int) -> str:
    """Return the name prefix of the weights and values of a layer."""
    return f"encoder.layer.{index}"


def linear_inputs(layers: int) -> list[str]:
    """Return the names of the inputs of the encoder's linear layers, in order. INT8 needs a scale for each."""
    names: list[str] = []
    hidden = "embeddings.LayerNorm"
    for layer in map(layer_name, range(layers)):
        names += [hidden, f"{layer}.attention.context", f"{layer}.attention.output.LayerNorm"]
        names += [f"{layer}.intermediate.gelu"]
        hidden = f"{layer}.output.LayerNorm"
    return names


def export(checkpoint: Checkpoint, arithmetic: Arithmetic) -> ModelProto:
    """Build the ONNX model of a checkpoint.

    Args:
        checkpoint: the checkpoint to export
        arithmetic: FP32 or INT8
    """
    writer = _Encoder(checkpoint, arithmetic)
    hidden = writer.embeddings()
    for layer in range(checkpoint.geometry.layers):
        hidden = writer.layer(layer, hidden)
    graph = writer.graph
    plain_linear(graph, hidden, "logits", checkpoint.linear_weight, checkpoint.linear_bias)
    graph.output("logits", TensorProto.FLOAT, (*_BATCH_AXES, len(checkpoint.labels)))
    return graph.model()


class _Encoder:
    def __init__(self, checkpoint: Checkpoint, arithmetic: Arithmetic) -> None:
        self.graph = Graph("RaNER encoder")
        self._arithmetic = arithmetic
        self._weights = checkpoint.encoder
        self._positions = checkpoint.position_embeddings
        self._heads = checkpoint.geometry.heads
        self._lexicon_flags = checkpoint.lexicon_flags
        self._eps = checkpoint.layer_norm_eps
        self._ids = self.graph.input("input_ids", TensorProto.INT64, _BATCH_AXES)
        mask = self.graph.input("attention_mask", TensorProto.INT64, _BATCH_AXES)
        self._mask = self._attention_mask(mask)

    def _attention_mask(self, mask: str) -> str:
        """Expand the mask: (batch, sequence) → bool (batch, 1, sequence, sequence). Masked keys have no effect."""
        graph = self.graph
        kept = graph.op("Cast", mask, to=TensorProto.BOOL, name="mask.kept")  # (batch, sequence)
        keys = graph.op("Unsqueeze", kept, _ints(graph, "axes.1.2", 1, 2), name="mask.keys")  # (batch, 1, 1, sequence)
        batch = graph.op("Shape", mask, start=0, end=1, name="mask.batch")
        sequence = graph.op("Shape", mask, start=1, end=2, name="mask.sequence")
        one = _ints(graph, "one", 1)
        shape = graph.op("Concat", batch, one, sequence, sequence, axis=0, name="mask.shape")
        return graph.op("Expand", keys, shape, name="mask")  # (batch, 1, sequence, sequence)

    def embeddings(self) -> str:
        graph, weights = self.graph, self._weights
        words = self._arithmetic.look_up(
            graph, "embeddings.words", weights["embeddings.word_embeddings.weight"], self._ids
        )  # (batch, sequence, hidden)
        # Every token has type 0, so the embedding of type 0 is added to the position embeddings.
        table = self._positions + weights["embeddings.token_type_embeddings.weight"][0]  # (positions, hidden)
        ends = _ints(graph, "zero", 0), "mask.sequence", _ints(graph, "zero", 0)
        positions = graph.op(
            "Slice", graph.constant("embeddings.position_table", table), *ends, name="embeddings.positions"
        )
        sum_ = graph.op("Add", words, positions, name="embeddings.sum")  # (batch, sequence, hidden)
        if self._lexicon_flags:
            sum_ = graph.op("Add", sum_, self._lexicon(), name="embeddings.with_lexicon")
        return self._layer_norm("embeddings.LayerNorm", sum_)

    def _lexicon(self) -> str:
        """Embed the lexicon flags of each token: (batch, sequence, flags) → (batch, sequence, hidden)."""
        graph, weights = self.graph, self._weights
        flags = graph.input("lexicon", TensorProto.UINT8, (*_BATCH_AXES, self._lexicon_flags))
        real = graph.op("Cast", flags, to=TensorProto.FLOAT, name=f"{LEXICON}.flags")
        inner = plain_linear(
            graph, real, f"{LEXICON}.inner", weights[f"{LEXICON}.inner.weight"], weights[f"{LEXICON}.inner.bias"]
        )  # (batch, sequence, lexicon size)
        outer = graph.constant(f"{LEXICON}.outer.weight", weights[f"{LEXICON}.outer.weight"].T)
        return graph.op("MatMul", graph.op("Relu", inner, name=f"{LEXICON}.relu"), outer, name=f"{LEXICON}.outer")

    def layer(self, index: int, hidden: str) -> str:
        """Add a transformer layer: (batch, sequence, hidden) → (batch, sequence, hidden)."""
        graph, prefix = self.graph, layer_name(index)
        names = (f"{prefix}.attention.self.{part}" for part in ("query", "key", "value"))
        query, key, value = self._linear(hidden, *names)  # (batch, sequence, hidden) each
        heads = {"q_num_heads": self._heads, "kv_num_heads": self._heads}
        context = graph.op("Attention", query, key, value, self._mask, name=f"{prefix}.attention.context", **heads)
        (attended,) = self._linear(context, f"{prefix}.attention.output.dense")
        attended = graph.op("Add", attended, hidden, name=f"{prefix}.attention.sum")
        attended = self._layer_norm(f"{prefix}.attention.output.LayerNorm", attended)
        (wide,) = self._linear(attended, f"{prefix}.intermediate.dense")  # (batch, sequence, intermediate)
        wide = graph.op("Gelu", wide, name=f"{prefix}.intermediate.gelu")
        (output,) = self._linear(wide, f"{prefix}.output.dense")  # (batch, sequence, hidden)
        output = graph.op("Add", output, attended, name=f"{prefix}.sum")
        return self._layer_norm(f"{prefix}.output.LayerNorm", output)

    def _linear(self, x: str, *names: str) -> list[str]:
        layers = [(name, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]) for name in names]
        return self._arithmetic.linear(self.graph, x, layers)

    def _layer_norm(self, name: str, x: str) -> str:
        graph = self.graph
        scale, shift = (
            graph.constant(f"{name}.{part}", self._weights[f"{name}.{part}"]) for part in ("weight", "bias")
        )
        return graph.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=self._eps, name=name)


def _ints(graph: Graph, name: str, *values: int) -> str:
    return graph.constant(name, np.array(values, dtype=np.int64))
