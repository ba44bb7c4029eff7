"""The recognizer with the embedded model."""

from __future__ import annotations

import json
import math
import random
import re
import shutil
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from ner_runtime import Entity, Recognizer
from ner_runtime.embedded import embedded_model
from ner_runtime.entities import utf16_offsets
from ner_runtime.errors import InvalidModel, InvalidValue, ModelNotFound, UnknownType
from ner_runtime.models.convert.sample import sample_sentences
from tests.support.texts.examples import EXAMPLE, EXAMPLE_SPANS, NEWS
from tests.support.texts.strategies import real_text

MANY = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def spans(entities: list[Entity]) -> list[tuple[str, int, int]]:
    return [(entity.type, entity.start, entity.end) for entity in entities]


def test_readme_example(recognizer: Recognizer) -> None:
    [entities] = recognizer.recognize([EXAMPLE])
    assert spans(entities) == EXAMPLE_SPANS
    assert all(0.5 < entity.score <= 1 for entity in entities)


@MANY
@given(text=real_text)
@example(text="")
@example(text=" " * 600)
@example(text="\ud800" * 3)
@example(text="[SEP]马云在杭州。")
def test_offsets_select_the_span_from_the_text(recognizer: Recognizer, text: str) -> None:
    [entities] = recognizer.recognize([text], recognizer.types)
    units = text.encode("utf-16-le", "surrogatepass")
    offsets = utf16_offsets(text)
    for entity in entities:
        assert text[entity.start : entity.end] == entity.span != ""
        start, end = offsets[entity.start] * 2, offsets[entity.end] * 2
        assert units[start:end] == entity.span.encode("utf-16-le", "surrogatepass")
        assert 0 <= entity.score <= 1


@MANY
@given(text=real_text)
def test_entities_are_sorted_and_do_not_overlap(recognizer: Recognizer, text: str) -> None:
    [entities] = recognizer.recognize([text * 9], recognizer.types)
    for left, right in pairwise(entities):
        assert left.end <= right.start


def test_entities_do_not_depend_on_other_texts(recognizer: Recognizer) -> None:
    texts = [*NEWS, *(sentence * repeats for sentence in NEWS for repeats in (2, 5, 11)), "", " ", "马云"]
    alone = [recognizer.recognize([text])[0] for text in texts]
    order = list(range(len(texts)))
    for seed in range(5):
        random.Random(seed).shuffle(order)
        for index, entities in zip(order, recognizer.recognize([texts[index] for index in order]), strict=True):
            assert spans(entities) == spans(alone[index])
            assert [e.score for e in entities] == pytest.approx([e.score for e in alone[index]], abs=1e-3)


def test_no_texts(recognizer: Recognizer) -> None:
    assert recognizer.recognize([]) == []


@pytest.mark.parametrize("length", [510, 511, 512, 1000, 10_000, 100_000])
def test_any_length_is_accepted(recognizer: Recognizer, length: int) -> None:
    text = (EXAMPLE * (length // len(EXAMPLE) + 1))[:length]
    [recognition] = recognizer.recognize_detailed([text])
    assert recognition.windows == math.ceil(length / len(EXAMPLE)), "each sentence is a window of its own"
    assert all(text[entity.start : entity.end] == entity.span for entity in recognition.entities)


def test_long_document_has_the_entities_of_its_sentences(recognizer: Recognizer) -> None:
    sentences = [NEWS[index % len(NEWS)] for index in range(100_000 * len(NEWS) // sum(map(len, NEWS)))]
    random.Random(1).shuffle(sentences)
    alone = dict(zip(NEWS, recognizer.recognize(NEWS), strict=True))
    [found] = recognizer.recognize(["".join(sentences)])
    offsets = accumulate(map(len, sentences), initial=0)
    expected = [
        (e.type, offset + e.start, offset + e.end)
        for sentence, offset in zip(sentences, offsets, strict=False)
        for e in alone[sentence]
    ]
    assert len(expected) > 5000
    assert spans(found) == expected


def agreement(texts: list[str]) -> float:
    """The fraction of the entities found with windows of 510 pieces that windows of 128 pieces find too."""
    answers = [Recognizer.open(embedded_model(), window=window).recognize(texts) for window in (510, 128)]
    wide, narrow = ({(index, *span) for index, row in enumerate(rows) for span in spans(row)} for rows in answers)
    assert len(wide) > 500
    return len(wide & narrow) / len(wide)


def test_window_size_does_not_matter_for_text_with_punctuation() -> None:
    texts = [text for text in long_texts(160) if 200 <= len(text) <= 510]
    assert agreement(texts) >= 0.98
    assert agreement([text.translate(str.maketrans("。！？\n", "，，， ")) for text in texts]) >= 0.98


def test_window_size_matters_little_for_text_without_punctuation() -> None:
    # Without punctuation, windows split names from their context: 0.92 was measured.
    texts = [re.sub(r"[^\w%·]", "", text) for text in long_texts(200) if 260 <= len(text) <= 510]
    assert agreement(texts) >= 0.85


def test_entity_at_a_window_edge_is_found_once() -> None:
    narrow = Recognizer.open(embedded_model(), window=64)
    # Without punctuation, the edge of the window passes through every character of the name and its context.
    filler = "今天的天气很好大家都出去散步了"
    for shift in range(64):
        before = (filler * 8)[: 64 + shift]
        text = f"{before}昨天记者在杭州见到了他{filler * 6}"
        assert len(narrow.encode(text).windows) > 3
        at = text.index("杭州")
        [entities] = narrow.recognize([text])
        assert spans(entities).count(("LOC", at, at + 2)) == 1, shift


def test_types_can_be_selected(recognizer: Recognizer) -> None:
    [people] = recognizer.recognize([EXAMPLE], ["PER"])
    assert spans(people) == [("PER", 9, 11)]
    with pytest.raises(UnknownType, match=f"unknown entity type '{'X' * 40}'; "):
        recognizer.check_types(["X" * 2_000_000])
    with pytest.raises(UnknownType, match="unknown entity type 'DOG'; the types of this model are PER, LOC, ORG"):
        recognizer.recognize([EXAMPLE], ["PER", "DOG"])


def test_directories_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        Recognizer.open(tmp_path / "nowhere")
    with pytest.raises(InvalidModel, match=r"no model\.json"):
        Recognizer.open(tmp_path)
    for field, value, wrong in (
        ("window", 3, "window is 3; allowed: 16"),
        ("default_types", ["DOG"], "DOG is not one of"),
    ):
        shutil.copytree(embedded_model(), tmp_path / field)
        path = tmp_path / field / "model.json"
        path.write_text(json.dumps(json.loads(path.read_bytes()) | {field: value}))
        with pytest.raises(InvalidModel, match=wrong):
            Recognizer.open(tmp_path / field)
    with pytest.raises(InvalidValue, match="allowed: 16 to 510"):
        Recognizer.open(embedded_model(), window=511)
    with pytest.raises(InvalidValue, match="allowed: 16 to 510"):
        Recognizer.open(embedded_model(), window=0)
    with pytest.raises(InvalidValue, match="max_batch_tokens"):
        Recognizer.open(embedded_model(), max_batch_tokens=0)


@pytest.mark.parametrize("name", ["model.onnx", "crf.npz", "vocab.txt"])
def test_damaged_or_missing_file_is_named(tmp_path: Path, name: str) -> None:
    model = shutil.copytree(embedded_model(), tmp_path / "model")
    with (model / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(InvalidModel, match=f"{name} is damaged"):
        Recognizer.open(model)
    (model / name).unlink()
    with pytest.raises(InvalidModel, match=f"{name} is missing"):
        Recognizer.open(model)


def long_texts(count: int) -> list[str]:
    """Texts of 200 to 510 characters, built from random sentences of `NEWS` and of the sample."""
    choose = random.Random(20)
    kinds = [NEWS, list(sample_sentences())]
    return [
        "".join(choose.choices(kinds[number % 2], k=choose.randint(6, 14)))[: choose.randint(200, 510)]
        for number in range(count)
    ]
