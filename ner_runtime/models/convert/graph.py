"""Build an ONNX model operator by operator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

OPSET = 23
_IR_VERSION = 11
MAX_BYTES = 2_000_000_000
"""Largest weights that a model file contains. A file in the format of Protocol Buffers has at most 2 GiB."""

Shape = Sequence[int | str | None]


class Graph:
    """An ONNX graph under construction. Values are referred to by name; operators stay in the order added."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []

    def input(self, name: str, type_: int, shape: Shape) -> str:
        """Declare an input. In `shape`, a string is a named dynamic axis, None an unnamed one."""
        self._inputs.append(helper.make_tensor_value_info(name, type_, shape))
        return name

    def output(self, name: str, type_: int, shape: Shape) -> None:
        """Declare a value as an output."""
        self._outputs.append(helper.make_tensor_value_info(name, type_, shape))

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant tensor. A constant that already has this name is reused."""
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def op(self, operator: str, *inputs: str, name: str, **attributes: Any) -> str:
        """Add an operator whose only output is called `name`."""
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def model(self, title: str) -> ModelProto:
        """Return the graph as an ONNX model."""
        graph = helper.make_graph(self._nodes, title, self._inputs, self._outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="ner_runtime")


def save_model(model: ModelProto, path: Path) -> None:
    """Write a model to `path`, and weights of more than `MAX_BYTES` to a second file, whose name ends in `.data`."""
    external = sum(len(tensor.raw_data) for tensor in model.graph.initializer) > MAX_BYTES
    onnx.save(model, path, save_as_external_data=external, location=f"{path.name}.data")
