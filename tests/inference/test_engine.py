"""Both engines find the same entities, and unavailable engines and devices are reported in one line."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from ner_runtime import Recognizer
from ner_runtime.embedded import embedded_model
from ner_runtime.errors import EngineUnavailable, InvalidModel, MissingExtra
from ner_runtime.inference.engine import EngineName, Ids64, OpenVinoEngine, open_engine
from ner_runtime.lexicon.features import FLAGS
from ner_runtime.manifest import ONNX_FILE, read_manifest
from ner_runtime.models.convert.agreement import entity_f1
from ner_runtime.models.convert.sample import sample_sentences

ENGINES: list[EngineName] = ["onnxruntime", "openvino"]


def test_openvino_finds_the_same_entities(recognizer: Recognizer) -> None:
    sentences = sample_sentences(200)
    other = Recognizer.open(embedded_model(), engine="openvino")
    ours, theirs = (r.recognize(sentences) for r in (recognizer, other))
    assert any(ours)
    # Between INT8 layers, the engines add float32 numbers in different orders, so values can round differently.
    assert entity_f1(ours, theirs) > 0.99


@pytest.mark.parametrize("name", ENGINES)
def test_engines_are_thread_safe(name: EngineName) -> None:
    engine = open_engine(embedded_model() / ONNX_FILE, name=name)
    random = np.random.default_rng(0)
    batches = [random.integers(100, 1000, (rows, length)) for rows, length in [(1, 5), (4, 30), (2, 128), (8, 17)] * 4]
    flags = [random.integers(0, 2, (*ids.shape, FLAGS), dtype=np.uint8) for ids in batches]
    lexicons = flags if read_manifest(embedded_model()).lexicon_kinds else [None] * len(batches)
    masks = [np.ones_like(ids) for ids in batches]
    expected = [engine.logits(*inputs) for inputs in zip(batches, masks, lexicons, strict=True)]
    with ThreadPoolExecutor(4) as pool:
        actual = list(pool.map(engine.logits, batches, masks, lexicons))
    for one, other in zip(expected, actual, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif("CUDAExecutionProvider" in ort.get_available_providers(), reason="this machine has a GPU")
def test_cuda_without_a_gpu() -> None:
    with pytest.raises(EngineUnavailable, match=r"RANER_DEVICE=cuda: .*onnxruntime-gpu") as raised:
        Recognizer.open(embedded_model(), device="cuda")
    assert "\n" not in raised.value.message


def test_openvino_gets_few_lengths_and_never_more_positions_than_the_model_has(
    recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = recognizer.manifest.geometry.longest
    other = Recognizer.open(embedded_model(), engine="openvino", window=longest)
    lengths: list[int] = []
    logits = OpenVinoEngine.logits

    def observed(engine: OpenVinoEngine, input_ids: Ids64, *inputs: Any) -> Any:
        lengths.append(input_ids.shape[1])
        return logits(engine, input_ids, *inputs)

    monkeypatch.setattr(OpenVinoEngine, "logits", observed)
    for text in ("马云在杭州。", "马云" * 10, "马" * (longest - 3), "马" * longest):
        other.recognize([text])
    assert {length % 8 for length in lengths if length < longest} == {0}
    assert max(lengths) == longest + 2


def test_openvino_does_not_run_on_cuda() -> None:
    with pytest.raises(EngineUnavailable, match="supports RANER_DEVICE=cpu only"):
        Recognizer.open(embedded_model(), engine="openvino", device="cuda")


def test_openvino_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ner_runtime\[openvino\]'"):
        Recognizer.open(embedded_model(), engine="openvino")


@pytest.mark.parametrize("name", ENGINES)
def test_model_behind_symbolic_links(tmp_path: Path, name: EngineName) -> None:
    for number, file in enumerate(embedded_model().iterdir()):
        (tmp_path / f"target-{number}").write_bytes(file.read_bytes())
        (tmp_path / file.name).symlink_to(f"target-{number}")
    assert Recognizer.open(tmp_path, engine=name).recognize(["马云在杭州。"])[0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists the mapped files")
def test_model_file_may_be_overwritten_while_the_model_is_used(tmp_path: Path) -> None:
    file = tmp_path / ONNX_FILE
    file.write_bytes((embedded_model() / ONNX_FILE).read_bytes())
    engine = open_engine(file, name="onnxruntime")
    # Reading a mapped file after it has become shorter kills the process.
    assert str(file) not in Path("/proc/self/maps").read_text()
    del engine


@pytest.mark.parametrize("name", ENGINES)
def test_file_that_is_not_a_model(tmp_path: Path, name: EngineName) -> None:
    (tmp_path / ONNX_FILE).write_bytes(b"no model")
    with pytest.raises(InvalidModel, match="cannot be loaded") as raised:
        open_engine(tmp_path / ONNX_FILE, name=name)
    assert "\n" not in raised.value.message
