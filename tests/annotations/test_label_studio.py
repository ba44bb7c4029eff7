"""Annotations of Label Studio: offsets in UTF-16, cancelled and missing annotations."""

from __future__ import annotations

from typing import Any

import pytest

from ner_runtime.annotations.label_studio import sentence_from_minimal, sentences_from_task
from ner_runtime.jsonl import Annotation, Sentence

TEXT = "😀张伟"


def region(start: int, end: int, **fields: Any) -> dict[str, Any]:
    return {"type": "labels", "value": {"start": start, "end": end, "labels": ["PER"], **fields}}


def task(*annotations: dict[str, Any], **data: str) -> dict[str, Any]:
    return {"data": data or {"text": TEXT}, "annotations": list(annotations)}


def test_offsets_count_utf16_code_units() -> None:
    [sentence] = sentences_from_task(task({"result": [region(2, 4, text="张伟")]}))
    assert sentence == Sentence(TEXT, (Annotation("PER", 1, 3),))


def test_text_is_the_only_string_of_the_data() -> None:
    [sentence] = sentences_from_task(task({"result": [region(0, 2)]}, content="张伟"))
    assert sentence == Sentence("张伟", (Annotation("PER", 0, 2),))


def test_tasks_without_an_annotation_are_skipped() -> None:
    assert list(sentences_from_task(task())) == []
    assert list(sentences_from_task(task({"was_cancelled": True, "result": [region(2, 4)]}))) == []


def test_results_that_are_not_labels_are_skipped() -> None:
    result = [{"type": "choices", "value": {"choices": ["news"]}}, {"type": "relation"}, region(2, 4)]
    [sentence] = sentences_from_task(task({"result": result}))
    assert sentence.spans == (Annotation("PER", 1, 3),)


def test_json_min_omits_empty_annotations() -> None:
    assert sentence_from_minimal({"text": TEXT}, "label") == Sentence(TEXT, ())


def test_null_is_an_empty_list_of_annotations() -> None:
    assert sentence_from_minimal({"text": TEXT, "label": None}, "label") == Sentence(TEXT, ())
    assert list(sentences_from_task(task({"result": None}))) == [Sentence(TEXT, ())]


def test_json_min_with_another_value_than_a_list_is_an_error() -> None:
    with pytest.raises(ValueError, match="the annotations are a number, not a list"):
        sentence_from_minimal({"text": TEXT, "label": 5}, "label")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (task({"result": []}, {"result": []}), "a task with 2 annotations; keep one of them"),
        (task({"result": []}, title="a", body="b"), '"data" has 2 strings and no "text"'),
        (task({"result": [region(1, 3, text="张伟")]}), 'the "text" of an annotation is not the text from 1 to 3'),
        (task({"result": [region(2, 9)]}), "an entity from 2 to 9 does not lie in a text of 4 UTF-16 code units"),
        (task({"result": [region(2, 4, labels=[])]}), 'an annotation without "labels"'),
        (task({"result": [1]}), "an annotation is not an object"),
        (task({"result": "张伟"}), "the annotations are a string, not a list"),
    ],
)
def test_wrong_annotations_are_errors(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(sentences_from_task(wrong))
