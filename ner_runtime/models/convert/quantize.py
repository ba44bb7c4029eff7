"""INT8 arithmetic with static scales for the linear layers and embedding tables of an encoder.

Weights are signed integers from -64 to 64 with one scale per output, chosen for the lowest squared error. Activations
are unsigned 8-bit integers with one scale per tensor, measured on the bundled sample. Scales do not depend on the
input, so the entities of a text depend neither on the other texts of its batch nor on padding. Dynamic
quantization uses one scale for the whole batch, so the entities would depend on both (ONNX Runtime issues 8625 and
10111). Word embeddings are signed 8-bit integers with one scale per row, which reduces file size and memory.

Weights use 7 of their 8 bits, because processors without VNNI multiply with VPMADDUBSW, which adds two products in 16
bits with saturation (ONNX Runtime issues 6004 and 14642; OpenVINO does the same). With weights up to 64 no pair can
saturate, since 2 x 255 x 64 < 2^15, and every processor and both engines compute the same sums. Measured on an AVX2
processor: with weights up to 127, one in fifty sums over normally distributed weights was wrong, and the entity F1 of a
small model against FP32 fell from 0.9999 (exact arithmetic) to 0.9988; with 7 bits it was 0.9997. A base model with
random weights had 0.9997 with 7 and 8 bits on ONNX Runtime, and 0.9989 (8 bits) or 0.9997 (7 bits) on OpenVINO. The
speed is the same.

The graph uses QuantizeLinear/DequantizeLinear pairs, which ONNX Runtime and OpenVINO fuse into INT8 kernels.
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
# Candidate clipping thresholds of a row, relative to its largest weight.
_SHRINKS = np.linspace(0.98, 0.6, 20).tolist()


@dataclass(frozen=True, slots=True)
class Scale:
    """A quantization scale: real value = (stored value - zero) x step."""

    step: float
    zero: int


class Int8:
    """Computes linear layers and embedding tables in INT8, everything else in FP32."""

    def __init__(self, scales: Mapping[str, Scale]) -> None:
        """Use `scales`, which has the scale of every input of a linear layer, by name; see `calibrate`."""
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
        return [self._linear_layer(graph, real, name, weight, bias) for name, weight, bias in layers]

    def _linear_layer(self, graph: Graph, x: str, name: str, weight: Floats, bias: Floats) -> str:
        stored, steps = quantize_weights(weight)  # (out, in), (out, 1)
        table = graph.constant(f"{name}.weight", stored.T)  # (in, out)
        step = graph.constant(f"{name}.steps", steps[:, 0])  # (out,)
        zero = graph.constant(f"{name}.zeros", np.zeros(len(steps), dtype=np.int8))  # (out,)
        real = graph.op("DequantizeLinear", table, step, zero, axis=1, name=f"{name}.real")
        product = graph.op("MatMul", x, real, name=f"{name}.product")
        return graph.op("Add", product, graph.constant(f"{name}.bias", bias), name=name)


def quantize_rows(table: Floats, largest: int = _LARGEST, shrink: float = 1.0) -> tuple[NDArray[np.int8], Floats]:
    """Quantize a table to signed integers from -largest to largest, with one step per row.

    Args:
        table: (rows, columns)
        largest: the largest stored value
        shrink: values above this fraction of the largest value of the row are clipped

    Returns:
        The stored values, (rows, columns), and the steps, (rows, 1).
    """
    steps = np.abs(table).max(axis=1, keepdims=True) * np.float32(shrink / largest)  # (rows, 1)
    steps = np.maximum(steps, np.finfo(np.float32).tiny)
    stored = np.clip(np.rint(table / steps), -largest, largest)
    return stored.astype(np.int8), steps.astype(np.float32)


def quantize_weights(weight: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Quantize weights: (out, in) → (out, in), (out, 1). Clips each row at the value with the lowest squared error."""
    stored, steps = quantize_rows(weight, LARGEST_WEIGHT)  # (out, in), (out, 1)
    least = np.square(stored * steps - weight).sum(axis=1)  # (out,)
    for shrink in _SHRINKS:
        cut, cut_steps = quantize_rows(weight, LARGEST_WEIGHT, shrink)  # (out, in), (out, 1)
        error = np.square(cut * cut_steps - weight).sum(axis=1)  # (out,)
        better = error < least  # (out,)
        stored[better], steps[better], least[better] = cut[better], cut_steps[better], error[better]
    return stored, steps
