"""A model proves that it answers here as where it was made, and one that does not is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ner_runtime import Recognizer
from ner_runtime.errors import InvalidModel
from ner_runtime.inference.engine import EngineName
from ner_runtime.jsonl import read_sentences
from ner_runtime.models.convert.self_check import CHECK_FILE, SENTENCES, check_sample


@pytest.fixture
def copy(int8_model: Path, tmp_path: Path) -> Path:
    """A model directory that may be spoilt."""
    return shutil.copytree(int8_model, tmp_path / "copy")


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_it_answers_as_where_it_was_made(int8_model: Path, engine: EngineName) -> None:
    assert check_sample(Recognizer.open(int8_model, engine=engine), int8_model) == 1


def test_the_check_answers_are_sentences_with_entities(int8_model: Path) -> None:
    sentences = list(read_sentences(str(int8_model / CHECK_FILE)))
    assert len(sentences) == SENTENCES
    assert sum(len(sentence.spans) for sentence in sentences) >= SENTENCES


def test_other_answers_are_refused(copy: Path, int8_model: Path) -> None:
    lines = (copy / CHECK_FILE).read_text(encoding="utf-8").splitlines(keepends=True)
    (copy / CHECK_FILE).write_text("".join(lines).replace('"type":"PER"', '"type":"LOC"'), encoding="utf-8")
    with pytest.raises(InvalidModel, match=r"does not answer here as it did where it was made: entity F1 0\.\d+"):
        check_sample(Recognizer.open(int8_model), copy)


def test_check_answers_that_cannot_be_read_are_refused(copy: Path, int8_model: Path) -> None:
    (copy / CHECK_FILE).write_text("{broken\n")
    with pytest.raises(InvalidModel, match=CHECK_FILE):
        check_sample(Recognizer.open(int8_model), copy)


def test_a_model_without_check_answers_is_an_older_one(copy: Path, int8_model: Path) -> None:
    (copy / CHECK_FILE).unlink()
    assert check_sample(Recognizer.open(int8_model), copy) is None


def test_changed_check_answers_are_damage(copy: Path) -> None:
    (copy / CHECK_FILE).write_text("\n")
    with pytest.raises(InvalidModel, match="sha256"):
        Recognizer.open(copy)
