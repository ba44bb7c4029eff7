"""`raner bench`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ner_runtime import Recognizer, embedded_model
from ner_runtime.cli.bench import calibration, command
from ner_runtime.cli.bench.calibration import Measured, calibration_of, measure_engines
from ner_runtime.cli.bench.ladder import bench_sentences
from ner_runtime.errors import InvalidModel
from ner_runtime.models.registry.calibration import EngineOptions
from tests.support.command import Raner
from tests.support.raner import raner


def test_sentences_have_one_length_and_are_the_same_in_every_run() -> None:
    sentences = bench_sentences(50)
    assert {len(sentence) for sentence in sentences} == {45}
    assert len(set(sentences)) == 50
    assert sentences == bench_sentences(50)


def test_sentences_do_not_change_between_versions() -> None:
    # Figures of two versions are comparable only if both measure the same sentences.
    digest = hashlib.sha256("\n".join(bench_sentences()).encode()).hexdigest()
    assert digest == "0a0c2ab62ad27d2f794b2523305834ff76c7d9a88dcdf5c0f4406b7f82247882"


def test_every_layer_is_measured(service_url: str) -> None:
    run = raner("bench", "--url", service_url, "--seconds", "0.3", "--json")
    assert run.returncode == 0, run.stderr.decode()
    rungs = json.loads(run.stdout)
    assert [rung["name"] for rung in rungs] == [
        "engine, batches of 64",
        "recognizer, lists of 64",
        "recognizer, one by one",
        "HTTP, 1 at once",
        "HTTP, 16 at once",
    ]
    for rung in rungs:
        assert rung["sentences_per_s"] > 0
        assert 0 < rung["p50_ms"] <= rung["p99_ms"]


def test_unreachable_service_is_one_line() -> None:
    run = raner("bench", "--url", "http://127.0.0.1:1", "--seconds", "0.1")
    assert run.returncode == 1
    assert run.stderr.decode().startswith("raner: http://127.0.0.1:1 cannot be reached")


def test_an_engine_that_cannot_load_the_model_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Recognizer.open

    def open_recognizer(*arguments: Any, engine: str = "onnxruntime", **options: Any) -> Recognizer:
        if engine == "openvino":
            raise InvalidModel("model.onnx cannot be loaded")
        return opened(*arguments, **options)

    monkeypatch.setattr(Recognizer, "open", open_recognizer)
    monkeypatch.setattr(calibration, "_candidates", lambda: [("openvino", "f32"), ("onnxruntime", "f32")])
    monkeypatch.setattr(calibration, "ROUNDS", 1)
    first, second = measure_engines(embedded_model(), threads=1)
    assert (first.options.engine, first.rejected) == ("onnxruntime", None)
    assert (second.options.engine, second.rejected) == ("openvino", "model.onnx cannot be loaded")
    assert [options.engine for options in calibration_of([first, second]).engines] == ["onnxruntime"]


@pytest.mark.parametrize(
    ("openvino", "engines"), [(1400, ["onnxruntime", "openvino"]), (1600, ["openvino", "onnxruntime"])]
)
def test_openvino_is_chosen_only_if_it_is_clearly_faster(openvino: float, engines: list[str]) -> None:
    measured = [
        Measured(EngineOptions(engine="openvino", precision_hint="bf16", max_batch_tokens=512), openvino),
        Measured(EngineOptions(engine="openvino", max_batch_tokens=512), openvino - 50),
        Measured(EngineOptions(engine="onnxruntime", max_batch_tokens=512), 1000),
    ]
    calibration = calibration_of(measured)
    assert [options.engine for options in calibration.engines] == engines
    chosen = calibration.options("openvino")
    assert chosen is not None
    assert chosen.precision_hint == "bf16"


def _batch_tokens(monkeypatch: pytest.MonkeyPatch, times: dict[int, list[float]]) -> int:
    """The batch size that a calibration chooses. `times`: for each batch size, seconds of each round and section."""
    monkeypatch.setattr(calibration, "_candidates", lambda: [("onnxruntime", "f32")])
    monkeypatch.setattr(calibration, "CHECKED_SENTENCES", 2)
    monkeypatch.setattr(calibration, "ROUNDS", 2)
    monkeypatch.setattr(calibration, "_SENTENCES", 2 * calibration._TOGETHER)
    monkeypatch.setattr(calibration, "BUDGETS", tuple(times))
    monkeypatch.setattr(calibration, "_time", lambda _recognizer, _windows, budget: times[budget].pop(0))
    [found] = measure_engines(embedded_model(), threads=1)
    return found.options.max_batch_tokens


def test_slow_measurements_do_not_rule_out_a_batch_size(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each round of 512 has one slow section, and neither is the fastest as a whole.
    times = {256: [1.0, 1.0, 1.0, 1.0], 512: [0.8, 5.0, 5.0, 0.8]}
    assert _batch_tokens(monkeypatch, times) == 512


@pytest.mark.parametrize(("larger", "chosen"), [(0.98, 256), (0.95, 512)])
def test_a_larger_batch_must_be_clearly_faster(monkeypatch: pytest.MonkeyPatch, larger: float, chosen: int) -> None:
    assert _batch_tokens(monkeypatch, {256: [1.0] * 4, 512: [larger] * 4}) == chosen


def test_a_calibration_is_kept_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The figures do not matter here, and 20 sentences are enough for the checks to run.
    monkeypatch.setattr(calibration, "ROUNDS", 1)
    monkeypatch.setattr(calibration, "CHECKED_SENTENCES", 20)
    monkeypatch.setattr(calibration, "BUDGETS", (512,))
    run = Raner(tmp_path, capsys)("bench", "--calibrate", "--threads", "1", "--json")
    assert run.status == 0, run.err
    printed = json.loads(run.out)
    assert [one["engine"] for one in printed["engines"]].count("onnxruntime") == 1
    assert all(one["tokens_per_s"] > 0 for one in printed["engines"])
    kept = json.loads(Path(printed["file"]).read_bytes())
    passed = [one for one in printed["engines"] if one["rejected"] is None]
    names = ("engine", "precision_hint", "max_batch_tokens")
    assert kept["engines"][0] in [{name: one[name] for name in names} for one in passed]
    assert printed["auto"] == kept["engines"][0]["engine"]


@pytest.mark.parametrize(("openvino", "auto"), [(1400, "onnxruntime"), (1600, "openvino")])
def test_a_calibration_says_which_engine_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], openvino: float, auto: str
) -> None:
    measured = [
        Measured(EngineOptions(engine="openvino", max_batch_tokens=512), openvino),
        Measured(EngineOptions(engine="onnxruntime", max_batch_tokens=512), 1000),
    ]
    monkeypatch.setattr(command, "measure_engines", lambda *_: measured)
    run = Raner(tmp_path, capsys)("bench", "--calibrate")
    assert run.status == 0, run.err
    said = f"RANER_ENGINE=auto uses {auto}; OpenVINO is used only if it is at least 50 % faster"
    assert said in run.err.splitlines()
