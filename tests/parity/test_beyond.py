"""Inputs that ModelScope's pipeline cannot process: long texts, empty texts and a literal `[SEP]`.

ModelScope treats a literal `[SEP]` in a text as a control token and labels nothing after it, so that these five
characters hide the rest of the text. Here they are ordinary characters.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from ner_runtime import Recognizer
from ner_runtime.models.convert.build import build_model_directory
from ner_runtime.models.convert.sample import sample_sentences
from tests.support.models.checkpoints import write_checkpoint
from tests.support.models.oracle import Found, Oracle, unrepaired

LONGEST = 510
SENTENCE = "马云在浙江省杭州市创立了阿里巴巴集团。"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("beyond") / "checkpoint", seed=1)


@pytest.fixture(scope="module")
def oracle(checkpoint: Path) -> Oracle:
    return Oracle(checkpoint)


@pytest.fixture(scope="module")
def ours(checkpoint: Path) -> Recognizer:
    build_model_directory(checkpoint, checkpoint.parent / "model", "beyond", "fp32")
    return Recognizer.open(checkpoint.parent / "model")


def text_of(length: int) -> str:
    sentences = "".join(sample_sentences())
    return (sentences * (length // len(sentences) + 1))[:length]


def found(recognizer: Recognizer, text: str) -> list[Found]:
    return unrepaired(recognizer, text)


def test_longest_text_for_modelscope(oracle: Oracle, ours: Recognizer) -> None:
    text = text_of(LONGEST)
    assert found(ours, text) == oracle.entities([text])[0]


@pytest.mark.parametrize("length", [511, 512, 10_000, pytest.param(100_000, marks=pytest.mark.parity)])
def test_longer_texts(oracle: Oracle, ours: Recognizer, length: int) -> None:
    text = text_of(length)
    with pytest.raises(RuntimeError, match="size of tensor"):
        oracle.entities([text])
    entities = found(ours, text)
    assert all(text[start:end] == span for _, span, start, end in entities)
    # A new window begins after 446 characters; before that, entities equal those of the first window alone.
    assert [entity for entity in entities if entity[3] <= 400] == [
        entity for entity in found(ours, text[:LONGEST]) if entity[3] <= 400
    ]
    assert entities[-1][3] > length - 30
    starts = [start for *_, start, _ in entities]
    assert max(later - earlier for earlier, later in pairwise(starts)) < 60


def test_an_empty_text(oracle: Oracle, ours: Recognizer) -> None:
    with pytest.raises((RuntimeError, IndexError, ValueError)):
        oracle.entities([""])
    assert found(ours, "") == []


def test_batch_with_invalid_texts(oracle: Oracle, ours: Recognizer) -> None:
    texts = [SENTENCE, text_of(600), "", SENTENCE]
    with pytest.raises((RuntimeError, IndexError, ValueError)):
        oracle.entities(texts, batch_size=4)
    first, long, empty, last = ours.recognize(texts)
    assert first == last
    assert found(ours, SENTENCE) == oracle.entities([SENTENCE])[0]
    assert long
    assert empty == []


def test_literal_sep_is_five_characters(oracle: Oracle, ours: Recognizer) -> None:
    text = f"{SENTENCE}[SEP]{SENTENCE}"
    behind = len(SENTENCE) + len("[SEP]")
    assert all(start < len(SENTENCE) for _, _, start, _ in oracle.entities([text])[0])
    assert oracle.inputs(text).positions == list(range(1, len(SENTENCE) + 1))
    assert any(start >= behind for _, _, start, _ in found(ours, text))
    # ModelScope labels the same characters if a space separates them.
    split = text.replace("[SEP]", "[S EP]")
    assert oracle.inputs(split).positions == list(range(1, len(split) + 1))
