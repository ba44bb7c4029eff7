"""Build an ONNX model operator by operator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

OPSET = 23
_IR_VERSION = 11
MAX_BYTES = 2_000_000_000
"""Largest weights that a model file contains. A file in the format of Protocol Buffers has at most 2 GiB."""

Shape = Sequence[int | str | None]


class Graph:
    """An ONNX graph under construction. Values are referred to by name; operators stay in the order added."""

    def __init__(self, title: str) -> None:
        # The model is built in place: `helper.make_graph` and `helper.make_model` would each copy all weights.
        opsets = [helper.make_opsetid("", OPSET)]
        empty = helper.make_graph([], title, [], [])
        self._model = helper.make_model(
            empty, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="ner_runtime"
        )
        self._constants: set[str] = set()

    def input(self, name: str, type_: int, shape: Shape) -> str:
        """Declare an input. In `shape`, a string is a named dynamic axis, None an unnamed one."""
        self._model.graph.input.append(helper.make_tensor_value_info(name, type_, shape))
        return name

    def output(self, name: str, type_: int, shape: Shape) -> None:
        """Declare a value as an output."""
        self._model.graph.output.append(helper.make_tensor_value_info(name, type_, shape))

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant tensor. A constant that already has this name is reused."""
        if name not in self._constants:
            self._constants.add(name)
            self._model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def op(self, operator: str, *inputs: str, name: str, **attributes: Any) -> str:
        """Add an operator whose only output is called `name`."""
        self._model.graph.node.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def model(self) -> ModelProto:
        """Return the graph as an ONNX model."""
        return self._model


def save_model(model: ModelProto, path: Path) -> None:
    """Write a model to `path`, and weights of more than `MAX_BYTES` to a second file, whose name ends in `.data`.

    The weights in the second file are no longer part of `model`.
    """
    external = sum(len(tensor.raw_data) for tensor in model.graph.initializer) > MAX_BYTES
    onnx.save(model, path, save_as_external_data=external, location=f"{path.name}.data")


def save_with_outputs(model: Path, names: Iterable[str], path: Path) -> None:
    """Write a copy of a model that has further values as outputs. Both must be in the same directory.

    Args:
        model: the model; the copy uses its `.data` file
        names: names of FP32 values of three axes
        path: the copy
    """
    proto = onnx.load(model, load_external_data=False)
    proto.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (None, None, None)) for name in names
    )
    onnx.save(proto, path)
