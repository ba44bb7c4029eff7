"""The exported graph computes the same logits as PyTorch, for any batch and padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from ner_runtime.errors import InvalidModel
from ner_runtime.models.checkpoint.reader import Checkpoint, read_checkpoint
from ner_runtime.models.convert.export import Fp32, export, linear_inputs
from ner_runtime.models.convert.graph import save_with_outputs
from ner_runtime.models.convert.pytorch_check import check_against_pytorch
from tests.support.models.checkpoints import write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return read_checkpoint(write_checkpoint(tmp_path_factory.mktemp("export")))


@pytest.fixture(scope="module")
def model(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    onnx.save(export(checkpoint, Fp32()), path)
    return path


def test_graph_is_valid_with_dynamic_axes(model: Path) -> None:
    onnx.checker.check_model(model, full_check=True)
    graph = onnx.load(model).graph
    shapes = {v.name: [axis.dim_param or axis.dim_value for axis in v.type.tensor_type.shape.dim] for v in graph.input}
    assert shapes == {"input_ids": ["batch", "sequence"], "attention_mask": ["batch", "sequence"]}
    assert [output.name for output in graph.output] == ["logits"]


def test_logits_equal_those_of_pytorch(model: Path, checkpoint: Checkpoint) -> None:
    assert check_against_pytorch(model, checkpoint) < 1e-4


def test_wrong_graph_is_detected(model: Path, checkpoint: Checkpoint, tmp_path: Path) -> None:
    wrong = onnx.load(model)
    [bias] = [tensor for tensor in wrong.graph.initializer if tensor.name == "encoder.layer.1.intermediate.dense.bias"]
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.5), bias.name))
    onnx.save(wrong, tmp_path / "wrong.onnx")
    with pytest.raises(InvalidModel, match="differ from PyTorch"):
        check_against_pytorch(tmp_path / "wrong.onnx", checkpoint)


@pytest.mark.parametrize("lengths", [[1], [512], [3, 40, 17, 1, 128]])
def test_other_rows_and_padding_have_no_effect(model: Path, lengths: list[int]) -> None:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    ids = np.random.default_rng(0).integers(110, 4000, (len(lengths), max(lengths) + 5 * (len(lengths) > 1)))
    mask = (np.arange(ids.shape[1]) < np.array(lengths)[:, None]).astype(np.int64)
    together = np.asarray(session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0])
    for row, length in enumerate(lengths):
        feed = {"input_ids": ids[row : row + 1, :length], "attention_mask": mask[row : row + 1, :length]}
        alone = np.asarray(session.run(["logits"], feed)[0])
        np.testing.assert_allclose(together[row, :length], alone[0], atol=1e-4)


def test_inputs_of_linear_layers_can_be_outputs(checkpoint: Checkpoint, model: Path, tmp_path: Path) -> None:
    names = linear_inputs(checkpoint.geometry.layers)
    save_with_outputs(model, names, tmp_path / "observed.onnx")
    session = ort.InferenceSession(tmp_path / "observed.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["logits", *names]
    assert len(names) == 4 * checkpoint.geometry.layers
