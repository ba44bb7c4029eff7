"""Replace operators of an INT8 model by faster ones of ONNX Runtime, which compute exactly the same numbers.

    QuantizeLinear ─▶ DequantizeLinear ─▶ MatMul ─▶ Add (bias)      QuantizeLinear ─▶ MatMulIntegerToFloat (with bias)
                         DequantizeLinear ─▶ ┘

ONNX Runtime finds `MatMulIntegerToFloat` itself, but leaves the bias to a separate operator, which reads and writes the
whole output of the layer once more. The file keeps the standard operators, which OpenVINO fuses in its own way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from ner_runtime.inference.graph.onnx_file import Node, OnnxFile

_DOMAIN = "com.microsoft"
_FUSED = "MatMulIntegerToFloat"
_FLOAT = 1


def fused_model(path: Path) -> bytes | None:
    """Return the model in a file with its operators fused; None if there is nothing to fuse.

    The weights of the fused layers are referred to in the file, which must stay as it is until the model is loaded:
    ONNX Runtime rearranges them into memory of its own. It would map other weights for as long as the model is used,
    and a process is killed by SIGBUS if a file that it has mapped is overwritten.

    A model with weights in a second file, and a file that is not a model, have nothing to fuse.
    """
    if path.with_name(f"{path.name}.data").exists():
        return None
    try:
        model = OnnxFile.open(path)
        if not fuse_layers(model):
            return None
        rearranged = {node.inputs[1] for node in model.nodes if node.operator == _FUSED}
        return model.to_bytes(weights_in=path.name, referred=rearranged)
    except (OSError, ValueError, IndexError):
        # ONNX Runtime says what is wrong with it.
        return None


def fuse_layers(model: OnnxFile) -> bool:
    """Fuse the linear layers of a model; return whether it has any that can be fused."""
    makers = {output: node for node in model.nodes for output in node.outputs}
    uses = Counter(name for node in model.nodes for name in node.inputs) + Counter(model.outputs)
    layers = {node.outputs[0]: layer for node in model.nodes if (layer := _fused(model, makers, uses, node))}
    if not layers:
        return False
    model.add_domain(_DOMAIN, 1)
    model.nodes = _without_unused([_with_fast_gelu(layers.get(node.outputs[0], node)) for node in model.nodes], model)
    return True


def _fused(model: OnnxFile, makers: Mapping[str, Node], uses: Mapping[str, int], add: Node) -> Node | None:
    """Return one operator for the linear layer whose bias `add` adds; None if `add` does not belong to such a layer."""
    if add.operator != "Add" or add.domain:
        return None
    product, bias = add.inputs
    matmul = makers.get(product)
    if matmul is None or matmul.operator != "MatMul" or uses[product] != 1 or product in model.outputs:
        return None
    x, weight = (makers.get(name) for name in matmul.inputs)
    if not (_is_dequantized(x) and _is_dequantized(weight)) or x is None or weight is None:
        return None
    if not (_has_axes(model, x.inputs[1], 0) and _is_weight(model, weight) and _has_axes(model, bias, 1)):
        return None
    zeros = weight.inputs[2]
    constant = model.constant(zeros)
    # Without zero points of the weights, ONNX Runtime need not multiply them with the sums of the rows.
    zeros = "" if constant is not None and constant.is_zero else zeros
    inputs = (x.inputs[0], weight.inputs[0], x.inputs[1], weight.inputs[1], x.inputs[2], zeros, bias)
    return Node(_FUSED, inputs, add.outputs, add.name, _DOMAIN)


def _is_dequantized(node: Node | None) -> bool:
    return node is not None and node.operator == "DequantizeLinear" and len(node.inputs) == 3


def _is_weight(model: OnnxFile, node: Node) -> bool:
    """Return whether a DequantizeLinear has a matrix with one step per column."""
    table = model.constant(node.inputs[0])
    if table is None or len(table.dims) != 2 or not _has_axes(model, node.inputs[1], 1):
        return False
    return node.attributes == {"axis": 1}


def _has_axes(model: OnnxFile, name: str, axes: int) -> bool:
    """Return whether a value is an FP32 constant with this number of axes."""
    constant = model.constant(name)
    return constant is not None and constant.type == _FLOAT and len(constant.dims) == axes


def _with_fast_gelu(node: Node) -> Node:
    """Replace the standard GELU by that of ONNX Runtime, which is a little faster."""
    if node.operator != "Gelu" or node.domain or node.others:
        return node
    return Node("Gelu", node.inputs, node.outputs, node.name, _DOMAIN)


def _without_unused(nodes: list[Node], model: OnnxFile) -> list[Node]:
    """Remove the nodes whose outputs are not used; `nodes` are in the order of computation."""

    def used() -> Iterator[Node]:
        needed = set(model.outputs)
        for node in reversed(nodes):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                yield node

    return list(used())[::-1]
