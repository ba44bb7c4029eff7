"""INT8 arithmetic: stored values, and equal results on every processor and engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from ner_runtime.inference.crf import Floats
from ner_runtime.inference.engine import EngineName
from ner_runtime.models.convert.graph import Graph
from ner_runtime.models.convert.quantize import LARGEST_WEIGHT, STEPS, Int8, Scale, quantize_rows, quantize_weights

HIDDEN, WIDE = 128, 64


@given(st.integers(0, 1000), st.sampled_from([LARGEST_WEIGHT, 127]))
def test_rounding_error_is_at_most_half_a_step(seed: int, largest: int) -> None:
    table = np.random.default_rng(seed).normal(size=(7, 33)).astype(np.float32)
    stored, steps = quantize_rows(table, largest)
    assert (np.abs(stored * steps - table) <= steps * 0.5001).all()
    assert (np.abs(stored).max(axis=1) == largest).all()


def test_clipping_extreme_weights_reduces_the_error() -> None:
    weight = np.random.default_rng(1).normal(size=(16, 512)).astype(np.float32)
    weight[0] = np.linspace(-1, 1, 512)
    (plain, plain_steps), (stored, steps) = quantize_rows(weight, LARGEST_WEIGHT), quantize_weights(weight)
    before, after = (np.square(s * t - weight).sum(axis=1) for s, t in ((plain, plain_steps), (stored, steps)))
    assert (after <= before).all()
    assert (after < before).any()
    # A row without extreme values is not clipped.
    assert steps[0] == pytest.approx(1 / LARGEST_WEIGHT)


@pytest.mark.parametrize("quantize", [quantize_rows, quantize_weights])
def test_row_of_zeros(quantize: Callable[[Floats], tuple[Any, Floats]]) -> None:
    stored, steps = quantize(np.zeros((2, 4), dtype=np.float32))
    assert not stored.any()
    assert np.isfinite(steps).all()


def test_two_products_fit_into_16_bits() -> None:
    assert np.iinfo(np.int16).max >= 2 * STEPS * LARGEST_WEIGHT


def linear_model(weight: Floats, bias: Floats, scale: Scale, path: Path) -> Path:
    """x (batch, sequence, HIDDEN) → y (batch, sequence, WIDE), in INT8."""
    graph = Graph("test")
    graph.input("x", TensorProto.FLOAT, ("batch", "sequence", HIDDEN))
    [output] = Int8({"x": scale}).linear(graph, "x", [("y", weight, bias)])
    graph.output(output, TensorProto.FLOAT, ("batch", "sequence", WIDE))
    onnx.save(graph.model(), path)
    return path


def run(path: Path, x: Floats, engine: EngineName) -> Floats:
    if engine == "onnxruntime":
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(["y"], {"x": x})[0])
    import openvino

    return np.asarray(openvino.Core().compile_model(str(path), "CPU")({"x": x})["y"])


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_largest_values_do_not_saturate(tmp_path: Path, engine: EngineName) -> None:
    # The worst case: all weights and values have their largest magnitude, with equal and opposite signs.
    weight = np.ones((WIDE, HIDDEN), dtype=np.float32)
    weight[1::2] = -1
    weight[2::4, ::2] = -1
    scale = Scale(1 / STEPS, 0)
    path = linear_model(weight, np.zeros(WIDE, dtype=np.float32), scale, tmp_path / "linear.onnx")
    x = np.ones((1, 3, HIDDEN), dtype=np.float32)
    np.testing.assert_allclose(run(path, x, engine), x @ weight.T, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_engines_compute_the_exact_integer_result(tmp_path: Path, engine: EngineName) -> None:
    random = np.random.default_rng(0)
    weight = random.normal(size=(WIDE, HIDDEN)).astype(np.float32)
    bias = random.normal(size=WIDE).astype(np.float32)
    scale = Scale(8 / STEPS, 128)
    x = random.normal(size=(4, 9, HIDDEN)).astype(np.float32)
    values = (np.clip(np.rint(x / np.float32(scale.step)) + scale.zero, 0, STEPS) - scale.zero).astype(np.int64)
    stored, steps = quantize_weights(weight)
    exact = (values @ stored.T.astype(np.int64)) * (steps[:, 0] * np.float64(scale.step)) + bias
    answered = run(linear_model(weight, bias, scale, tmp_path / "linear.onnx"), x, engine)
    np.testing.assert_allclose(answered, exact, rtol=1e-4, atol=1e-4)


def test_look_up_returns_the_row(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(size=(10, 16)).astype(np.float32)
    graph = Graph("test")
    graph.input("ids", TensorProto.INT64, ("batch", "sequence"))
    graph.output(Int8({}).look_up(graph, "row", table, "ids"), TensorProto.FLOAT, ("batch", "sequence", 16))
    onnx.save(graph.model(), tmp_path / "table.onnx")
    session = ort.InferenceSession(tmp_path / "table.onnx", providers=["CPUExecutionProvider"])
    rows = np.asarray(session.run(["row"], {"ids": np.array([[3, 9], [0, 3]])})[0])
    np.testing.assert_allclose(rows, table[[[3, 9], [0, 3]]], atol=float(np.abs(table).max()) / 127)
