"""Read Label Studio's exports of text labelling: JSON and JSON-MIN.

    [{"data": {"text": …}, "annotations": [{"result": [{"type": "labels", "value": {"start", "end", "labels": […]}}]}]}]
    [{"text": …, "label": [{"start": 0, "end": 2, "text": "张伟", "labels": ["PER"]}]}]

Offsets count UTF-16 code units, as in JavaScript, end exclusive. Source: https://labelstud.io/guide/export
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from ner_runtime.jsonl import Annotation, Sentence, annotation_in, json_kind

_ANNOTATIONS = ("annotations", "completions")
_LABELS = ("labels", "hypertextlabels")


def is_task(record: dict[str, Any]) -> bool:
    """Return whether a JSON object is a task of Label Studio."""
    return isinstance(record.get("data"), dict) and any(isinstance(record.get(name), list) for name in _ANNOTATIONS)


def is_region(item: Any) -> bool:
    """Return whether an item of a list is an annotation of JSON-MIN."""
    return isinstance(item, dict) and "start" in item and _labels(cast("dict[str, Any]", item)) is not None


def sentences_from_task(task: dict[str, Any]) -> Iterator[Sentence]:
    """Yield the annotated text of a task, or nothing if the task has no annotation or only cancelled ones.

    Raises:
        ValueError: the object is not a task, the task has no unique text or several annotations, or an annotation is
            not valid.
    """
    if not is_task(task):
        raise ValueError('not a task with "data" and "annotations", as other lines are')
    listed: Any = next(task[name] for name in _ANNOTATIONS if isinstance(task.get(name), list))
    annotations = [one for one in map(_object, listed) if not one.get("was_cancelled")]
    if len(annotations) > 1:
        raise ValueError(f"a task with {len(annotations)} annotations; keep one of them")
    text = _text(task["data"])
    for annotation in annotations:
        regions = [_object(region) for region in _list(annotation.get("result"))]
        values = [_object(region.get("value")) for region in regions if region.get("type") in _LABELS]
        yield Sentence(text, tuple(_annotations(text, values)))


def sentence_from_minimal(record: dict[str, Any], field: str) -> Sentence:
    """Make an annotated text from a JSON object of JSON-MIN, whose annotations are in `field`.

    Raises:
        ValueError: an annotation is not valid.
    """
    text: str = record["text"]
    # JSON-MIN omits the field for a text without annotations.
    return Sentence(text, tuple(_annotations(text, map(_object, _list(record.get(field))))))


def _annotations(text: str, values: Any) -> Iterator[Annotation]:
    for value in values:
        labels = _labels(value)
        if not labels:
            raise ValueError('an annotation without "labels"')
        start, end = _code_points(text, value)
        for label in labels:
            yield annotation_in(text, label, start, end)


def _code_points(text: str, value: dict[str, Any]) -> tuple[Any, Any]:
    """Return the start and end of an annotation in code points."""
    start, end, span = value.get("start"), value.get("end"), value.get("text")
    if type(start) is not int or type(end) is not int:
        return start, end
    units = text.encode("utf-16-le", "surrogatepass")
    if not 0 <= start < end <= len(units) // 2:
        raise ValueError(
            f"an entity from {start} to {end} does not lie in a text of {len(units) // 2} UTF-16 code units"
        )
    before, inside = (
        units[2 * low : 2 * high].decode("utf-16-le", "surrogatepass") for low, high in ((0, start), (start, end))
    )
    if span is not None and span != inside:
        raise ValueError(f'the "text" of an annotation is not the text from {start} to {end}')
    return len(before), len(before) + len(inside)


def _text(data: dict[str, Any]) -> str:
    """Return the text of a task: the field `text`, or the only string in its data."""
    strings = {name: value for name, value in data.items() if isinstance(value, str)}
    if "text" in strings:
        return strings["text"]
    if len(strings) != 1:
        raise ValueError(f'"data" has {len(strings)} strings and no "text"')
    return next(iter(strings.values()))


def _labels(value: dict[str, Any]) -> list[Any] | None:
    return next((value[name] for name in _LABELS if isinstance(value.get(name), list)), None)


def _list(value: Any) -> list[Any]:
    """Return a list of annotations; null is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"the annotations are {json_kind(value)}, not a list")
    return cast("list[Any]", value)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an annotation is not an object")
    return cast("dict[str, Any]", value)
