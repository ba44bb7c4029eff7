"""Read and change the graph of an ONNX file without the package `onnx`, which serving does not install.

An ONNX file is a message of Protocol Buffers. Only the nodes are decoded; everything else, the weights above all, is
referred to where it lies in the file. A changed model can refer to the weights of the file, too, instead of a copy.

Source: `onnx.proto3` of ONNX 1.19 for the numbers of the fields, and https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

Bytes = bytes | memoryview
Value = int | Bytes
"""The value of a field: a number, or the bytes of a string or of a message."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
# Numbers of fields, by message.
_MODEL_GRAPH, _MODEL_OPSET = 7, 8
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_OUTPUT = 1, 5, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 3, 4, 5, 7
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 1, 2, 8, 9, 13, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_ATTRIBUTE_NAME, _ATTRIBUTE_INT = 1, 3
_OUTPUT_NAME = 1
_IN_ANOTHER_FILE = 1
# Types of tensors of 8 bits: they may begin at any byte of a file.
_BYTE_TYPES = (2, 3)
_SMALL = 4096


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message: its number, its wire type and its value."""

    number: int
    wire: int
    value: Value

    @property
    def payload(self) -> Bytes:
        """The bytes of a string or of a message."""
        if isinstance(self.value, int):
            raise ValueError("a number where bytes are expected")
        return self.value


@dataclass(frozen=True, slots=True)
class Node:
    """An operator of the graph. `others` are its attributes and further fields."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    name: str = ""
    domain: str = ""
    others: tuple[Field, ...] = ()

    @property
    def attributes(self) -> dict[str, int | None]:
        """The values of the attributes, by name. None stands for a value that is not an integer."""
        found: dict[str, int | None] = {}
        for field in self.others:
            if field.number != _NODE_ATTRIBUTE:
                continue
            parts = {part.number: part.value for part in _fields(field.payload)}
            name, value = parts.get(_ATTRIBUTE_NAME, b""), parts.get(_ATTRIBUTE_INT)
            if not isinstance(name, int):
                found[_text(name)] = value if isinstance(value, int) else None
        return found


@dataclass(frozen=True, slots=True)
class Tensor:
    """A constant of the graph. `raw` is empty if its values are not stored as raw bytes."""

    type: int
    dims: tuple[int, ...]
    raw: Bytes

    @property
    def is_zero(self) -> bool:
        """Whether all values are stored as zero bytes."""
        return len(self.raw) >= prod(self.dims) and not bytes(self.raw).strip(b"\0")


class OnnxFile:
    """A model whose nodes can be replaced."""

    def __init__(self, data: Bytes) -> None:
        """Decode the nodes of a model, and note where its constants lie.

        Raises:
            ValueError: the bytes are not a model.
        """
        self._data = memoryview(data)
        self._model = list(_fields(self._data))
        graphs = [field.payload for field in self._model if field.number == _MODEL_GRAPH]
        if len(graphs) != 1:
            raise ValueError("not a model")
        graph = list(_fields(graphs[0]))
        self.nodes = [_node(field.payload) for field in graph if field.number == _GRAPH_NODE]
        self.outputs = {_name(field.payload, _OUTPUT_NAME) for field in graph if field.number == _GRAPH_OUTPUT}
        self._rest = [field for field in graph if field.number != _GRAPH_NODE]
        constants = (field.payload for field in graph if field.number == _GRAPH_INITIALIZER)
        self._constants = {_name(constant, _TENSOR_NAME): constant for constant in constants}

    @classmethod
    def open(cls, path: Path) -> OnnxFile:
        """Map a file into memory and decode its nodes.

        Raises:
            OSError, ValueError: the file cannot be read, or is not a model.
        """
        with path.open("rb") as file:
            return cls(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))

    def constant(self, name: str) -> Tensor | None:
        """Return the constant `name`; None if no constant has this name."""
        data = self._constants.get(name)
        return None if data is None else _tensor(data)

    def add_domain(self, domain: str, version: int) -> None:
        """Declare that nodes use operators of `domain`, unless the model does so."""
        declared = [field.payload for field in self._model if field.number == _MODEL_OPSET]
        if domain not in {_name(one, _OPSET_DOMAIN) for one in declared}:
            fields = [_string(_OPSET_DOMAIN, domain), Field(_OPSET_VERSION, _VARINT, version)]
            self._model.append(_nested(_MODEL_OPSET, fields))

    def to_bytes(self, weights_in: str = "", referred: Collection[str] = ()) -> bytes:
        """Encode the model.

        Args:
            weights_in: the name of the file that this model was read from
            referred: the names of constants. The larger ones of 8 bits are referred to in this file (ONNX calls it
                external data) and not copied.
        """
        nodes = [_nested(_GRAPH_NODE, _node_fields(node)) for node in self.nodes]
        rest = [self._referred(field, weights_in, referred) for field in self._rest] if referred else self._rest
        graph = _encoded([*nodes, *rest])
        others = _encoded(field for field in self._model if field.number != _MODEL_GRAPH)
        # Joined once: the weights are copied only once.
        return b"".join([_number(_MODEL_GRAPH << 3 | _BYTES), _number(sum(map(len, graph))), *graph, *others])

    def _referred(self, field: Field, file: str, names: Collection[str]) -> Field:
        """Return the field of a constant in `names` with a reference to its bytes in `file`; others as they are."""
        if field.number != _GRAPH_INITIALIZER or len(field.payload) < _SMALL:
            return field
        parts = list(_fields(field.payload))
        raw = next((part.payload for part in parts if part.number == _TENSOR_RAW), b"")
        if _name(field.payload, _TENSOR_NAME) not in names or len(raw) < _SMALL:
            return field
        if _tensor(field.payload).type not in _BYTE_TYPES:
            return field
        place = {"location": file, "offset": str(_address(raw) - _address(self._data)), "length": str(len(raw))}
        entries = [
            _nested(_TENSOR_EXTERNAL, [_string(_ENTRY_KEY, key), _string(_ENTRY_VALUE, value)])
            for key, value in place.items()
        ]
        kept = [part for part in parts if part.number != _TENSOR_RAW]
        return _nested(field.number, [*kept, *entries, Field(_TENSOR_LOCATION, _VARINT, _IN_ANOTHER_FILE)])


def _node(data: Bytes) -> Node:
    texts: dict[int, list[str]] = {_NODE_INPUT: [], _NODE_OUTPUT: []}
    others: list[Field] = []
    for field in _fields(data):
        if field.number in (_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OPERATOR, _NODE_DOMAIN):
            texts.setdefault(field.number, []).append(_text(field.payload))
        else:
            others.append(field)
    name, operator, domain = (texts.get(number, [""])[-1] for number in (_NODE_NAME, _NODE_OPERATOR, _NODE_DOMAIN))
    return Node(operator, tuple(texts[_NODE_INPUT]), tuple(texts[_NODE_OUTPUT]), name, domain, tuple(others))


def _node_fields(node: Node) -> Iterator[Field]:
    yield from (_string(_NODE_INPUT, name) for name in node.inputs)
    yield from (_string(_NODE_OUTPUT, name) for name in node.outputs)
    singles = (_NODE_NAME, node.name), (_NODE_OPERATOR, node.operator), (_NODE_DOMAIN, node.domain)
    yield from (_string(number, text) for number, text in singles if text)
    yield from node.others


def _tensor(data: Bytes) -> Tensor:
    type_, dims, raw = 0, list[int](), b""
    for field in _fields(data):
        match field.number, field.value:
            case (number, int(value)) if number == _TENSOR_DIMS:
                dims.append(value)
            case (number, int(value)) if number == _TENSOR_TYPE:
                type_ = value
            case (number, bytes() | memoryview() as value) if number == _TENSOR_DIMS:
                dims += _packed(value)
            case (number, bytes() | memoryview() as value) if number == _TENSOR_RAW:
                raw = value
            case _:
                pass
    return Tensor(type_, tuple(dims), raw)


def _name(data: Bytes, number: int) -> str:
    """Return the text of the field `number` of a message; empty if the message does not have it."""
    return next((_text(field.payload) for field in _fields(data) if field.number == number), "")


def _fields(data: Bytes) -> Iterator[Field]:
    view = memoryview(data)
    position = 0
    while position < len(view):
        key, position = _varint(view, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(view, position)
            yield Field(number, wire, value)
            continue
        if wire == _BYTES:
            size, position = _varint(view, position)
        elif wire in _FIXED_SIZES:
            size = _FIXED_SIZES[wire]
        else:
            raise ValueError(f"unknown wire type {wire}")
        if position + size > len(view):
            raise ValueError("the message ends within a field")
        yield Field(number, wire, view[position : position + size])
        position += size


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    """Decode a number; return it and the position after it."""
    value = 0
    for index, byte in enumerate(view[position : position + 10]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError("the message ends within a number")


def _packed(data: Bytes) -> Iterator[int]:
    view, position = memoryview(data), 0
    while position < len(view):
        value, position = _varint(view, position)
        yield value


def _encoded(fields: Iterable[Field]) -> list[Bytes]:
    """Encode the fields of a message in parts, without copying their values."""
    parts: list[Bytes] = []
    for field in fields:
        parts.append(_number(field.number << 3 | field.wire))
        if isinstance(field.value, int):
            parts.append(_number(field.value))
        else:
            if field.wire == _BYTES:
                parts.append(_number(len(field.value)))
            parts.append(field.value)
    return parts


def _number(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _nested(number: int, fields: Iterable[Field]) -> Field:
    return Field(number, _BYTES, b"".join(_encoded(fields)))


def _address(data: Bytes) -> int:
    return np.frombuffer(data, dtype=np.uint8).ctypes.data


def _string(number: int, text: str) -> Field:
    return Field(number, _BYTES, text.encode())


def _text(data: Bytes) -> str:
    return str(data, "utf-8")
