"""The self-check accepts a model that returns the expected entities and rejects others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ner_runtime import Recognizer
from ner_runtime.errors import InvalidModel
from ner_runtime.inference.engine import EngineName
from ner_runtime.jsonl import read_sentences
from ner_runtime.models.convert.self_check import CHECK_FILE, SENTENCES, run_self_check


@pytest.fixture
def copy(int8_model: Path, tmp_path: Path) -> Path:
    """A model directory that tests may change."""
    return shutil.copytree(int8_model, tmp_path / "copy")


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_unchanged_model_passes(int8_model: Path, engine: EngineName) -> None:
    assert run_self_check(Recognizer.open(int8_model, engine=engine), int8_model) == 1


def test_check_file_contains_sentences_with_entities(int8_model: Path) -> None:
    sentences = list(read_sentences(str(int8_model / CHECK_FILE)))
    assert len(sentences) == SENTENCES
    assert sum(len(sentence.spans) for sentence in sentences) >= SENTENCES


def test_different_entities_are_rejected(copy: Path, int8_model: Path) -> None:
    lines = (copy / CHECK_FILE).read_text(encoding="utf-8").splitlines(keepends=True)
    (copy / CHECK_FILE).write_text("".join(lines).replace('"type":"PER"', '"type":"LOC"'), encoding="utf-8")
    with pytest.raises(InvalidModel, match=r"returns other entities on this machine .*: entity F1 0\.\d+"):
        run_self_check(Recognizer.open(int8_model), copy)


def test_unreadable_check_file_is_rejected(copy: Path, int8_model: Path) -> None:
    (copy / CHECK_FILE).write_text("{broken\n")
    with pytest.raises(InvalidModel, match=CHECK_FILE):
        run_self_check(Recognizer.open(int8_model), copy)


def test_model_without_check_file_is_accepted(copy: Path, int8_model: Path) -> None:
    (copy / CHECK_FILE).unlink()
    assert run_self_check(Recognizer.open(int8_model), copy) is None


def test_changed_check_file_is_damage(copy: Path) -> None:
    (copy / CHECK_FILE).write_text("\n")
    with pytest.raises(InvalidModel, match="sha256"):
        Recognizer.open(copy)
