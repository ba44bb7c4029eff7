"""Read doccano's exports of sequence labelling: JSON Lines with `label`, `labels` or `entities`.

    {"text": …, "label": [[0, 2, "PER"]]}
    {"text": …, "entities": [{"id": 1, "label": "PER", "start_offset": 0, "end_offset": 2}], "relations": […]}

Offsets count code points, end exclusive. Source: https://doccano.github.io/doccano/tutorial/
"""

from __future__ import annotations

from typing import Any, cast

from ner_runtime.jsonl import Annotation, Sentence, annotation_in

FIELDS = ("label", "labels", "entities")


def is_annotation(item: Any) -> bool:
    """Return whether an item of a list is an annotation of doccano."""
    return isinstance(item, list) or (isinstance(item, dict) and "start_offset" in item)


def sentence_from(record: dict[str, Any], field: str) -> Sentence:
    """Make an annotated text from a JSON object of doccano.

    Args:
        record: an object with a `text`
        field: name of the field that holds its annotations

    Raises:
        ValueError: the object has no such field, or an annotation is not valid.
    """
    text: str = record["text"]
    items: Any = record.get(field)
    if not isinstance(items, list):
        raise ValueError(f'no list "{field}", which other lines have')
    return Sentence(text, tuple(_annotation(text, field, item) for item in cast("list[Any]", items)))


def _annotation(text: str, field: str, item: Any) -> Annotation:
    if isinstance(item, dict) and "start_offset" in item:
        fields = cast("dict[str, Any]", item)
        return annotation_in(text, fields.get("label"), fields.get("start_offset"), fields.get("end_offset"))
    values = cast("list[Any]", item)
    if not isinstance(item, list) or len(values) != 3:
        raise ValueError(f'an annotation in "{field}" is not of the form [start, end, type]')
    start, end, type_ = values
    return annotation_in(text, type_, start, end)
