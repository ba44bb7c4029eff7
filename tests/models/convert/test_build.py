"""Building a model directory from a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ner_runtime import Recognizer
from ner_runtime.errors import UnsupportedCheckpoint
from ner_runtime.manifest import FILES, MODEL_FILE, read_manifest, verify_files
from ner_runtime.models.convert.agreement import MIN_AGREEMENT
from ner_runtime.models.convert.build import build_model_directory
from ner_runtime.models.convert.self_check import CHECK_FILE
from tests.support.checkpoints import NEWS, bio, write_adaseq, write_checkpoint


def test_int8_model_with_its_agreement(int8_model: Path) -> None:
    manifest = read_manifest(int8_model)
    verify_files(int8_model, manifest)
    assert {path.name for path in int8_model.iterdir()} == {*FILES, MODEL_FILE, CHECK_FILE}
    assert manifest.precision == "int8"
    assert manifest.agreement is not None
    assert manifest.agreement.f1 >= manifest.agreement.bar == MIN_AGREEMENT
    assert manifest.agreement.sentences >= 500
    assert set(manifest.types) == set(NEWS)


def test_int8_model_is_much_smaller(int8_model: Path, checkpoint: Path, tmp_path: Path) -> None:
    build_model_directory(checkpoint, tmp_path / "fp32", "tiny", "fp32")
    small, large = ((folder / "model.onnx").stat().st_size for folder in (int8_model, tmp_path / "fp32"))
    # The position embeddings stay in FP32.
    assert small < 0.4 * large


def test_crf_equals_that_of_the_checkpoint(int8_model: Path, checkpoint: Path) -> None:
    import torch

    state = torch.load(checkpoint / "pytorch_model.bin", weights_only=True)
    with np.load(int8_model / "crf.npz") as crf:
        for name in ("start_transitions", "end_transitions", "transitions"):
            np.testing.assert_array_equal(crf[name], state[f"crf.{name}"].numpy())


def test_low_agreement_falls_back_to_fp32_with_a_warning(tmp_path: Path) -> None:
    lines: list[str] = []
    checkpoint = write_checkpoint(tmp_path / "checkpoint", labels=bio(NEWS), layers=1, hidden=16, heads=2, seed=7)
    # No INT8 model reaches an agreement of 1.
    manifest = build_model_directory(checkpoint, tmp_path / "model", "tiny", min_agreement=1.0, progress=lines.append)
    assert manifest.agreement is not None
    assert manifest.agreement.f1 < 1
    assert manifest.precision == "fp32"
    assert read_manifest(tmp_path / "model") == manifest
    assert [line for line in lines if line.startswith("warning: entity F1 of INT8 against FP32")]


def test_same_checkpoint_has_the_same_version(checkpoint: Path, tmp_path: Path) -> None:
    once, again = (build_model_directory(checkpoint, tmp_path / name, "tiny", "fp32") for name in ("a", "b"))
    assert once.version == again.version


def test_rejected_checkpoint_leaves_no_files(tmp_path: Path) -> None:
    checkpoint = write_adaseq(tmp_path / "checkpoint")
    with pytest.raises(UnsupportedCheckpoint):
        build_model_directory(checkpoint, tmp_path / "models" / "model", "tiny")
    assert not list((tmp_path / "models").glob("*")) if (tmp_path / "models").exists() else True


@pytest.mark.parametrize("lowercase", [True, False])
def test_lowercase_is_taken_from_the_checkpoint(tmp_path: Path, lowercase: bool) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint", lowercase=lowercase)
    build_model_directory(checkpoint, tmp_path / "model", "tiny", "fp32")
    assert Recognizer.open(tmp_path / "model").manifest.lowercase is lowercase
