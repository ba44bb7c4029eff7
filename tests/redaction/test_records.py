"""Redacted texts as JSON, and back."""

from __future__ import annotations

import pytest

from ner_runtime.entities import Entity, utf16_offsets
from ner_runtime.errors import InvalidValue
from ner_runtime.redaction.operators import Operators
from ner_runtime.redaction.records import read_redaction, replacement_record
from ner_runtime.redaction.redaction import redact_entities
from ner_runtime.redaction.restore import restore

TEXT = "😀𠮷野家的张三😀13800138000"
ENTITIES = [Entity("PER", "张三", 5, 7, 0.5), Entity("ORG", "𠮷野家", 1, 4, 0.5)]
REDACTION = redact_entities(TEXT, ENTITIES, Operators(), ["PHONE"])
RECORD = {"text": REDACTION.text, "replacements": [replacement_record(one) for one in REDACTION.replacements]}


def test_a_record_is_read_as_it_was_written() -> None:
    assert read_redaction(RECORD) == REDACTION


def test_a_response_with_utf16_offsets_is_read_as_well() -> None:
    before, after = utf16_offsets(TEXT), utf16_offsets(REDACTION.text)
    replacements = [
        replacement_record(one)
        | {"start_offset": before[one.start], "end_offset": before[one.end]}
        | {"redacted_start_offset": after[one.redacted_start], "redacted_end_offset": after[one.redacted_end]}
        for one in REDACTION.replacements
    ]
    response = {"data": {"text": REDACTION.text, "replacements": replacements}, "meta": {"offset_unit": "utf16"}}
    redaction = read_redaction({"success": True, **response})
    assert redaction == REDACTION
    assert restore(redaction.text, redaction.replacements) == TEXT


@pytest.mark.parametrize("record", [{}, {"text": "a"}, {"text": "a", "replacements": [{}]}, {"data": []}])
def test_anything_else_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(InvalidValue, match=r"^not a redacted text: "):
        read_redaction(record)
