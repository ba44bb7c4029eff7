"""Fused models compute exactly the same logits, and whatever differs from an INT8 layer is left as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ner_runtime.embedded import embedded_model
from ner_runtime.inference.graph.fusion import fuse_layers, fused_model
from ner_runtime.inference.graph.onnx_file import Node, OnnxFile
from ner_runtime.lexicon.features import FLAGS
from ner_runtime.manifest import ONNX_FILE

PATH = embedded_model() / ONNX_FILE


def run(model: bytes, feed: dict[str, NDArray[Any]]) -> NDArray[Any]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(PATH.parent))
    return np.asarray(ort.InferenceSession(model, options).run(None, feed)[0])


def test_logits_of_the_embedded_model_are_the_same() -> None:
    fused = fused_model(PATH)
    assert fused is not None
    random = np.random.default_rng(0)
    for shape in [(1, 5), (3, 47), (16, 20)]:
        feed: dict[str, NDArray[Any]] = {"input_ids": random.integers(100, 1000, shape)}
        feed["attention_mask"] = (np.arange(shape[1]) < random.integers(3, shape[1], shape[:1])[:, None]).astype(int)
        feed["lexicon"] = random.integers(0, 2, (*shape, FLAGS), dtype=np.uint8)
        # Another GELU may round differently on other processors.
        np.testing.assert_allclose(run(fused, feed), run(PATH.read_bytes(), feed), rtol=1e-5, atol=1e-5)


def test_all_layers_of_the_embedded_model_are_fused() -> None:
    before, after = (
        Counter(node.op_type for node in onnx.load_from_string(model).graph.node)
        for model in (PATH.read_bytes(), fused_model(PATH) or b"")
    )
    layers = 6 * before["Attention"]
    assert after["MatMulIntegerToFloat"] == layers
    assert after["DequantizeLinear"] == 0
    assert before["MatMul"] - after["MatMul"] == before["Add"] - after["Add"] == layers
    assert after["QuantizeLinear"] == before["QuantizeLinear"]


def layer(zeros: NDArray[Any] | None = None, *, steps: int = 3) -> bytes:
    """Return a model with an INT8 layer of two inputs and three outputs. `zeros`: zero points of the weights."""
    constants: dict[str, NDArray[Any]] = {
        "step": np.array(0.1, dtype=np.float32),
        "zero": np.array(100, dtype=np.uint8),
        "weight": np.array([[1, -2, 3], [40, 50, -60]], dtype=np.int8),
        "steps": np.linspace(0.1, 0.3, steps, dtype=np.float32) if steps else np.array(0.1, dtype=np.float32),
        "zeros": np.zeros(3 if steps else (), dtype=np.int8) if zeros is None else zeros.astype(np.int8),
        "bias": np.array([1, 2, 3], dtype=np.float32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "step", "zero"], ["x.int8"]),
        helper.make_node("DequantizeLinear", ["x.int8", "step", "zero"], ["x.real"]),
        helper.make_node("DequantizeLinear", ["weight", "steps", "zeros"], ["weight.real"], axis=1),
        helper.make_node("MatMul", ["x.real", "weight.real"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, None, None)) for name in "xy")
    made = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "layer", [x], [y], made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()


@pytest.mark.parametrize("zeros", [np.zeros(3), np.array([0, 7, -9])])
def test_zero_points_of_the_weights(zeros: NDArray[Any]) -> None:
    model = layer(zeros)
    file = OnnxFile(model)
    assert fuse_layers(file)
    feed = {"x": np.random.default_rng(0).normal(size=(1, 9, 2)).astype(np.float32)}
    np.testing.assert_allclose(run(file.to_bytes(), feed), run(model, feed), rtol=1e-5)


def change(operator: str, /, **fields: Any) -> Callable[[OnnxFile], None]:
    def apply(file: OnnxFile) -> None:
        file.nodes = [replace(node, **fields) if node.operator == operator else node for node in file.nodes]

    return apply


def use_product_twice(file: OnnxFile) -> None:
    file.nodes.append(Node("Identity", ("product",), ("other",)))


@pytest.mark.parametrize(
    "changed",
    [
        use_product_twice,
        lambda file: file.outputs.add("product"),
        change("Add", operator="Sub"),
        change("Add", inputs=("product", "x")),
        change("Add", inputs=("product", "step")),
        change("Add", domain="other"),
        change("MatMul", operator="Gemm"),
        change("MatMul", inputs=("x", "weight.real")),
        change("DequantizeLinear", others=()),
    ],
)
def test_other_graphs_are_left_as_they_are(changed: Callable[[OnnxFile], None]) -> None:
    file = OnnxFile(layer())
    changed(file)
    before = list(file.nodes)
    assert not fuse_layers(file)
    assert file.nodes == before


def test_one_step_for_all_weights_is_left_as_it_is() -> None:
    assert not fuse_layers(OnnxFile(layer(steps=0)))


def test_model_without_int8_layers_has_nothing_to_fuse(tmp_path: Path) -> None:
    file = OnnxFile(layer())
    file.nodes = [node for node in file.nodes if node.operator == "Add"]
    (tmp_path / ONNX_FILE).write_bytes(file.to_bytes())
    assert fused_model(tmp_path / ONNX_FILE) is None


def test_model_with_weights_in_a_second_file_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ONNX_FILE).write_bytes(PATH.read_bytes())
    (tmp_path / f"{ONNX_FILE}.data").touch()
    assert fused_model(tmp_path / ONNX_FILE) is None


def test_file_that_is_not_a_model_has_nothing_to_fuse(tmp_path: Path) -> None:
    assert fused_model(tmp_path / ONNX_FILE) is None
    (tmp_path / ONNX_FILE).write_bytes(b"no model")
    assert fused_model(tmp_path / ONNX_FILE) is None
