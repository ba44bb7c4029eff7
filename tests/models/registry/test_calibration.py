"""What `raner bench --calibrate` keeps, and what it changes for the settings `auto` and 0."""

from pathlib import Path

import pytest

from ner_runtime import embedded_model
from ner_runtime.manifest import Manifest, read_manifest
from ner_runtime.models.registry import calibration
from ner_runtime.models.registry.calibration import (
    Calibration,
    EngineOptions,
    engine_options,
    read_calibration,
    write_calibration,
)

OPENVINO = EngineOptions(engine="openvino", precision_hint="bf16", max_batch_tokens=512)
ONNXRUNTIME = EngineOptions(engine="onnxruntime", max_batch_tokens=1024)


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    return read_manifest(embedded_model())


def test_without_a_calibration_the_defaults_apply(manifest: Manifest) -> None:
    found = engine_options(manifest, engine="auto", device="cpu", threads=1, max_batch_tokens=0)
    assert found == EngineOptions(engine="onnxruntime", precision_hint="f32", max_batch_tokens=512)
    wide = manifest.geometry.model_copy(update={"hidden": 768})
    found = engine_options(
        manifest.model_copy(update={"geometry": wide}), engine="auto", device="cpu", threads=1, max_batch_tokens=0
    )
    assert found.max_batch_tokens == 256


def test_auto_is_the_first_engine_of_the_calibration_with_its_own_batch_size(manifest: Manifest) -> None:
    write_calibration(manifest, 1, Calibration(engines=(OPENVINO, ONNXRUNTIME)))
    assert engine_options(manifest, engine="auto", device="cpu", threads=1, max_batch_tokens=0) == OPENVINO
    assert engine_options(manifest, engine="onnxruntime", device="cpu", threads=1, max_batch_tokens=0) == ONNXRUNTIME


def test_a_configured_batch_size_is_kept(manifest: Manifest) -> None:
    write_calibration(manifest, 1, Calibration(engines=(OPENVINO,)))
    found = engine_options(manifest, engine="auto", device="cpu", threads=1, max_batch_tokens=4096)
    assert (found.engine, found.max_batch_tokens) == ("openvino", 4096)


def test_a_calibration_is_one_of_a_model_a_number_of_threads_and_a_processor(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_calibration(manifest, 1, Calibration(engines=(OPENVINO,)))
    other = manifest.model_copy(update={"version": "0123456789ab"})
    assert read_calibration(manifest, 2) is None
    assert read_calibration(other, 1) is None
    assert engine_options(manifest, engine="auto", device="cuda", threads=1, max_batch_tokens=0).engine == "onnxruntime"
    monkeypatch.setattr(calibration, "processor_name", lambda: "another processor")
    assert read_calibration(manifest, 1) is None


def test_a_calibration_of_another_selection_rule_is_not_used(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_calibration(manifest, 1, Calibration(engines=(OPENVINO,)))
    monkeypatch.setattr(calibration, "_RULE", "another rule")
    assert read_calibration(manifest, 1) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"engines": [{"engine": "other"}]}',
        b'{"engines": [{"engine": "onnxruntime", "max_batch_tokens": 1000000}]}',
    ],
)
def test_a_damaged_file_is_ignored(manifest: Manifest, content: bytes) -> None:
    write_calibration(manifest, 1, Calibration(engines=(OPENVINO,))).write_bytes(content)
    assert read_calibration(manifest, 1) is None
