"""Put originals back, and refuse what does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ner_runtime.errors import InvalidValue
from ner_runtime.redaction.redaction import Replacement
from ner_runtime.redaction.restore import restore, restore_placeholders

REDACTED = "<PER_1>和**。"
REPLACEMENTS = [
    Replacement("PER", "马云", 0, 2, "<PER_1>", 0, 7, "model", "replace", 0.9),
    Replacement("LOC", "杭州", 3, 5, "**", 8, 10, "model", "mask", 0.9),
]


def test_the_order_of_the_replacements_does_not_matter() -> None:
    assert restore(REDACTED, REPLACEMENTS[::-1]) == "马云和杭州。"


@pytest.mark.parametrize("text", ["<PER_2>和**。", "那<PER_1>和**。", "", "<PER_1>和*"])
def test_a_changed_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        restore(text, REPLACEMENTS)


def test_replacements_that_overlap_are_refused() -> None:
    with pytest.raises(InvalidValue):
        restore(REDACTED, [*REPLACEMENTS, replace(REPLACEMENTS[0], start=1, end=3)])


def test_placeholders_are_put_back_wherever_they_stand() -> None:
    answer = "摘要：<PER_1>（<PER_1>）与**、<PER_10>。"
    assert restore_placeholders(answer, REPLACEMENTS) == "摘要：马云（马云）与**、<PER_10>。"


def test_a_fixed_value_is_not_a_placeholder() -> None:
    fixed = Replacement("PER", "马云", 0, 2, "某人", 0, 2, "model", "replace", 0.9)
    assert restore_placeholders("某人说某人", [fixed]) == "某人说某人"
