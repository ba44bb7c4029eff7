"""Nodes of an ONNX file are read and replaced without the package `onnx`; the rest of the file stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from ner_runtime.embedded import embedded_model
from ner_runtime.inference.graph.onnx_file import Node, OnnxFile, Tensor
from ner_runtime.manifest import ONNX_FILE

PATH = embedded_model() / ONNX_FILE
names = st.text(max_size=200)
integers = st.integers(0, 2**63 - 1)
values = st.one_of(integers, st.floats(width=32, allow_nan=False), st.lists(integers, min_size=1), st.text(min_size=1))
nodes = st.builds(
    lambda operator, inputs, outputs, attributes: helper.make_node(operator, inputs, outputs, **attributes),
    names.filter(bool),
    st.lists(names, max_size=4),
    st.lists(names, max_size=4),
    st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda name: name not in RESERVED), values),
)
RESERVED = {"name", "domain", "overload", "op_type", "inputs", "outputs"}


def model_of(*made: onnx.NodeProto, constants: list[TensorProto] | None = None) -> bytes:
    """Return an encoded model with the given nodes."""
    return helper.make_model(helper.make_graph(made, "graph", [], [], constants)).SerializeToString()


def node_of(proto: onnx.NodeProto) -> tuple[Any, ...]:
    return proto.op_type, tuple(proto.input), tuple(proto.output), proto.name, proto.domain


def test_file_is_encoded_as_it_was_decoded() -> None:
    assert onnx.load_from_string(OnnxFile.open(PATH).to_bytes()) == onnx.load(PATH)


@given(st.lists(nodes, max_size=5))
def test_nodes_are_those_of_onnx(made: list[onnx.NodeProto]) -> None:
    file = OnnxFile(model_of(*made))
    read = [(node.operator, node.inputs, node.outputs, node.name, node.domain) for node in file.nodes]
    assert read == [node_of(proto) for proto in made]
    for node, proto in zip(file.nodes, made, strict=True):
        assert node.attributes == {
            one.name: one.i if one.type == onnx.AttributeProto.INT else None for one in proto.attribute
        }
    assert onnx.load_from_string(file.to_bytes()) == onnx.load_from_string(model_of(*made))


@given(st.lists(st.integers(0, 300), max_size=3))
def test_constants_have_the_shape_and_the_bytes_of_onnx(dims: list[int]) -> None:
    value = np.zeros([min(dim, 5) for dim in dims], dtype=np.float32)
    file = OnnxFile(model_of(constants=[numpy_helper.from_array(value, "zeros")]))
    assert file.constant("zeros") == Tensor(TensorProto.FLOAT, value.shape, value.tobytes())
    assert file.constant("other") is None


def test_constant_is_zero_only_if_all_its_bytes_are() -> None:
    arrays = {"zero": np.zeros(300, dtype=np.int8), "other": np.array([0, 0, 1], dtype=np.int8)}
    unpacked = helper.make_tensor("unpacked", TensorProto.INT32, [2], [0, 0])
    file = OnnxFile(model_of(constants=[*(numpy_helper.from_array(a, name) for name, a in arrays.items()), unpacked]))
    found = {name: tensor.is_zero for name in (*arrays, "unpacked") if (tensor := file.constant(name))}
    # The values of `unpacked` are not stored as raw bytes.
    assert found == {"zero": True, "other": False, "unpacked": False}


def test_larger_weights_are_referred_to_in_the_file() -> None:
    file = OnnxFile.open(PATH)
    kept, *referred = (one.name for one in onnx.load(PATH).graph.initializer if len(one.raw_data) > 4096)
    short = file.to_bytes(PATH.name, referred)
    model = onnx.load_from_string(short)
    external = {tensor.name for tensor in model.graph.initializer if tensor.data_location == TensorProto.EXTERNAL}
    assert external
    assert kept not in external
    onnx.load_external_data_for_model(model, str(PATH.parent))
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for tensor in onnx.load(PATH).graph.initializer:
        np.testing.assert_array_equal(values[tensor.name], numpy_helper.to_array(tensor))


def test_domain_is_declared_once() -> None:
    file = OnnxFile(model_of())
    for _ in range(2):
        file.add_domain("com.microsoft", 1)
    file.nodes.append(Node("Gelu", ("x",), ("y",), domain="com.microsoft"))
    model = onnx.load_from_string(file.to_bytes())
    assert [one.domain for one in model.opset_import] == ["", "com.microsoft"]
    assert [node_of(node) for node in model.graph.node] == [("Gelu", ("x",), ("y",), "", "com.microsoft")]


@given(st.binary(max_size=300))
def test_other_bytes_are_not_a_model(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        OnnxFile(data)
    assert type(raised.value) in (ValueError, UnicodeDecodeError)


@pytest.mark.parametrize("size", [1, 10, 1_000, 100_000])
def test_shortened_file(tmp_path: Path, size: int) -> None:
    (tmp_path / ONNX_FILE).write_bytes(PATH.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"ends within|not a model"):
        OnnxFile.open(tmp_path / ONNX_FILE)


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / ONNX_FILE).touch()
    with pytest.raises(ValueError, match="empty"):
        OnnxFile.open(tmp_path / ONNX_FILE)
