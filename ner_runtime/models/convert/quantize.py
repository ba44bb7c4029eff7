"""Quantize: the arithmetic of an INT8 encoder, with static scales.

Weights are signed, from -64 to 64, with one scale per output, the one that costs it the least squared error;
activations are unsigned 8 bit with one scale per tensor, measured on the bundled text. No scale depends on the data at
hand, so a text's answer depends neither on its neighbours in the batch nor on padding; dynamic quantisation takes one
scale for the whole batch (ONNX Runtime issues 8625 and 10111). The table of word embeddings is signed 8 bit with one
scale per word, which makes file and memory small.

Why weights leave one of their 8 bits unused: processors without VNNI multiply with VPMADDUBSW, which adds two products
in 16 bit and saturates (ONNX Runtime issues 6004 and 14642; OpenVINO does the same). On an AVX2 processor, of sums over
normally distributed weights up to 127 one in fifty came out wrong, and a small model that agreed with FP32 at an entity
F1 of 0.9999 when computed exactly did so at 0.9988 only. Up to 64 no pair can saturate, 2 x 255 x 64 being less than
2^15: every processor and both engines compute the same sums, and that model agreed at 0.9997. A base one with seeded
weights agreed at 0.9997 either way, OpenVINO's answers at 0.9989 with 8 bits and 0.9997 with 7; speed is the same.

Written as QuantizeLinear/DequantizeLinear pairs, which ONNX Runtime and OpenVINO both fuse into INT8 kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from ner_runtime.models.checkpoint.reader import Floats
from ner_runtime.models.convert.graph import Graph

STEPS = 255
_LARGEST = 127
# 2 x 255 x 64 is less than 2^15, so that a pair of products never saturates.
LARGEST_WEIGHT = 64
# Where a row of weights is cut off, as parts of its largest.
_SHRINKS = np.linspace(0.98, 0.6, 20).tolist()


@dataclass(frozen=True, slots=True)
class Scale:
    """Real value = (stored value - zero) x step."""

    step: float
    zero: int


class Int8:
    """Linear layers and tables in INT8, everything between them in FP32."""

    def __init__(self, scales: Mapping[str, Scale]) -> None:
        """`scales`: of every value that a linear layer reads, by name; see `calibrate`."""
        self._scales = scales

    def look_up(self, graph: Graph, name: str, table: Floats, ids: str) -> str:
        stored, steps = quantize_rows(table)  # (rows, hidden), (rows, 1)
        row = graph.op("Gather", graph.constant(f"{name}.table", stored), ids, name=f"{name}.row")
        row = graph.op("Cast", row, to=TensorProto.FLOAT, name=f"{name}.cast")  # (batch, sequence, hidden)
        step = graph.op(
            "Gather", graph.constant(f"{name}.steps", steps), ids, name=f"{name}.step"
        )  # (batch, sequence, 1)
        return graph.op("Mul", row, step, name=name)

    def linear(self, graph: Graph, x: str, layers: Iterable[tuple[str, Floats, Floats]]) -> list[str]:
        scale = self._scales[x]
        step = graph.constant(f"{x}.step", np.array(scale.step, dtype=np.float32))
        zero = graph.constant(f"{x}.zero", np.array(scale.zero, dtype=np.uint8))
        stored = graph.op("QuantizeLinear", x, step, zero, name=f"{x}.int8")
        real = graph.op("DequantizeLinear", stored, step, zero, name=f"{x}.real")
        return [self._one(graph, real, name, weight, bias) for name, weight, bias in layers]

    def _one(self, graph: Graph, x: str, name: str, weight: Floats, bias: Floats) -> str:
        stored, steps = quantize_weights(weight)  # (out, in), (out, 1)
        table = graph.constant(f"{name}.weight", stored.T)  # (in, out)
        step = graph.constant(f"{name}.steps", steps[:, 0])  # (out,)
        zero = graph.constant(f"{name}.zeros", np.zeros(len(steps), dtype=np.int8))  # (out,)
        real = graph.op("DequantizeLinear", table, step, zero, axis=1, name=f"{name}.real")
        product = graph.op("MatMul", x, real, name=f"{name}.product")
        return graph.op("Add", product, graph.constant(f"{name}.bias", bias), name=name)


def quantize_rows(table: Floats, largest: int = _LARGEST, shrink: float = 1.0) -> tuple[NDArray[np.int8], Floats]:
    """Signed, symmetric, from -largest to largest, one step per row: (rows, columns) → (rows, columns), (rows, 1).

    What is above `shrink` times a row's largest value is cut off to that.
    """
    steps = np.abs(table).max(axis=1, keepdims=True) * np.float32(shrink / largest)  # (rows, 1)
    steps = np.maximum(steps, np.finfo(np.float32).tiny)
    stored = np.clip(np.rint(table / steps), -largest, largest)
    return stored.astype(np.int8), steps.astype(np.float32)


def quantize_weights(weight: Floats) -> tuple[NDArray[np.int8], Floats]:
    """As `quantize_rows`, each row cut off where its squared error is least: (out, in) → (out, in), (out, 1)."""
    stored, steps = quantize_rows(weight, LARGEST_WEIGHT)  # (out, in), (out, 1)
    least = np.square(stored * steps - weight).sum(axis=1)  # (out,)
    for shrink in _SHRINKS:
        cut, cut_steps = quantize_rows(weight, LARGEST_WEIGHT, shrink)  # (out, in), (out, 1)
        error = np.square(cut * cut_steps - weight).sum(axis=1)  # (out,)
        better = error < least  # (out,)
        stored[better], steps[better], least[better] = cut[better], cut_steps[better], error[better]
    return stored, steps
