"""Startup: every configured model is checked before the workers start."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_runtime import Recognizer, embedded_model
from ner_runtime.errors import InvalidModel
from ner_runtime.manifest import read_manifest
from ner_runtime.models.registry.calibration import Calibration, EngineOptions, write_calibration
from ner_runtime.serving.lifecycle.startup import (
    check_or_exit,
    describe,
    open_model,
    warn_of_unknown_variables,
)
from ner_runtime.settings import Settings


def test_the_configured_models_are_checked() -> None:
    check_or_exit(Settings(models=(("news", "embedded"), ("resume", "embedded"))))


def test_a_missing_model_is_named() -> None:
    with pytest.raises(SystemExit, match=r"^raner: RANER_MODELS: resume: model /no/such is not a directory"):
        check_or_exit(Settings(models=(("news", "embedded"), ("resume", "/no/such"))))
    with pytest.raises(SystemExit, match=r"^raner: model /no/such is not a directory"):
        check_or_exit(Settings(model="/no/such"))


def test_a_misspelled_variable_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_unknown_variables({"RANER_THREDS": "1", "RANER_THREADS": "1", "RANER_COLOUR": "red"})
    assert [record.getMessage() for record in caplog.records] == [
        "RANER_COLOUR is not a setting of the service and is ignored",
        "RANER_THREDS is not a setting of the service and is ignored; did you mean RANER_THREADS?",
    ]


@pytest.fixture
def failing_openvino(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The embedded model was calibrated for OpenVINO, which cannot load it any more."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    engines = (
        EngineOptions(engine="openvino", precision_hint="bf16", max_batch_tokens=512),
        EngineOptions(engine="onnxruntime", max_batch_tokens=512),
    )
    write_calibration(read_manifest(embedded_model()), 1, Calibration(engines=engines))
    opened = Recognizer.open

    def open_recognizer(*arguments: object, **options: object) -> Recognizer:
        if options["engine"] == "openvino":
            raise InvalidModel("model.onnx cannot be loaded")
        return opened(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Recognizer, "open", open_recognizer)


@pytest.mark.usefixtures("failing_openvino")
def test_onnx_runtime_replaces_a_calibrated_engine_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(threads=1)
    recognizer = open_model(embedded_model(), settings)
    assert "openvino cannot be used" in caplog.text
    described = describe(recognizer.manifest, settings, recognizer)
    assert (described.engine, described.precision_hint, described.max_batch_tokens) == ("onnxruntime", "f32", 512)


@pytest.mark.usefixtures("failing_openvino")
def test_an_engine_that_the_settings_name_is_not_replaced() -> None:
    with pytest.raises(InvalidModel, match=r"^model\.onnx cannot be loaded$"):
        open_model(embedded_model(), Settings(engine="openvino", threads=1))
