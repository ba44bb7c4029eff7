"""Building a model directory from a checkpoint."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ner_runtime import Entry, Lexicon, Recognizer
from ner_runtime.errors import InvalidModel, InvalidValue, UnsupportedCheckpoint
from ner_runtime.manifest import MODEL_FILE, ONNX_DATA_FILE, UNIGRAM_FILE, VOCAB_FILE, read_manifest, verify_files
from ner_runtime.models.convert.agreement import MIN_AGREEMENT
from ner_runtime.models.convert.build import build_model_directory
from ner_runtime.models.convert.sample import sample_sentences
from ner_runtime.models.convert.self_check import CHECK_FILE
from tests.support.models.checkpoints import NEWS, TINY_XLM, bio, write_adaseq, write_checkpoint, write_lstm


def test_int8_model_with_its_agreement(int8_model: Path) -> None:
    manifest = read_manifest(int8_model)
    verify_files(int8_model, manifest)
    assert {path.name for path in int8_model.iterdir()} == {*manifest.required_files, MODEL_FILE, CHECK_FILE}
    assert VOCAB_FILE in manifest.files
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
    checkpoint = write_lstm(tmp_path / "checkpoint")
    with pytest.raises(UnsupportedCheckpoint):
        build_model_directory(checkpoint, tmp_path / "models" / "model", "tiny")
    assert not list((tmp_path / "models").glob("*")) if (tmp_path / "models").exists() else True


@pytest.mark.parametrize("lowercase", [True, False])
def test_lowercase_is_taken_from_the_checkpoint(tmp_path: Path, lowercase: bool) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint", lowercase=lowercase)
    build_model_directory(checkpoint, tmp_path / "model", "tiny", "fp32")
    assert Recognizer.open(tmp_path / "model").manifest.lowercase is lowercase


@pytest.fixture(scope="module")
def xlm_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An XLM-RoBERTa that labels words."""
    return write_checkpoint(tmp_path_factory.mktemp("xlm") / "checkpoint", TINY_XLM, by_word=True)


def test_int8_model_of_an_xlm_roberta_agrees_with_fp32(xlm_checkpoint: Path, tmp_path: Path) -> None:
    manifest = build_model_directory(xlm_checkpoint, tmp_path / "model", "tiny")
    assert (manifest.tokenizer, manifest.split) == ("unigram", "words")
    assert manifest.precision == "int8"
    # The encoder has two rows of position embeddings more than positions.
    assert manifest.geometry.positions == 512
    assert UNIGRAM_FILE in manifest.files
    assert VOCAB_FILE not in manifest.files
    verify_files(tmp_path / "model", manifest)
    text = "Anna Miller arrived in Cape Town on 3 May."
    recognizer = Recognizer.open(tmp_path / "model")
    [entities] = recognizer.recognize([text])
    assert entities
    with pytest.raises(InvalidValue, match="lexicons need a model that labels characters"):
        recognizer.recognize([text], lexicon=Lexicon.from_entries([Entry("Cape Town", "LOC")]))
    assert all(text[entity.start : entity.end] == entity.span for entity in entities)


def test_weights_that_do_not_fit_into_one_onnx_file_have_a_file_of_their_own(
    checkpoint: Path, int8_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ner_runtime.models.convert.graph.MAX_BYTES", 0)
    split = build_model_directory(checkpoint, tmp_path / "split", "tiny")
    assert ONNX_DATA_FILE in split.files
    assert ONNX_DATA_FILE not in read_manifest(int8_model).files
    sentences = sample_sentences(50)
    assert Recognizer.open(tmp_path / "split").recognize(sentences) == Recognizer.open(int8_model).recognize(sentences)
    (tmp_path / "split" / ONNX_DATA_FILE).unlink()
    with pytest.raises(InvalidModel, match=ONNX_DATA_FILE):
        Recognizer.open(tmp_path / "split")


def test_adaseq_export_with_int8(tmp_path: Path) -> None:
    manifest = build_model_directory(write_adaseq(tmp_path / "checkpoint"), tmp_path / "model", "tiny")
    assert (manifest.precision, manifest.split) == ("int8", "pieces")
    assert set(manifest.types) == set(NEWS)
    text = "王芳在New York的Northwind银行工作。" * 60
    recognizer = Recognizer.open(tmp_path / "model")
    assert len(recognizer.encode(text).windows) > 1
    [entities] = recognizer.recognize([text])
    assert entities
    assert all(text[entity.start : entity.end] == entity.span for entity in entities)
    assert all(left.end <= right.start for left, right in pairwise(entities))
