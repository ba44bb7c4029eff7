"""Which entries are accepted."""

from __future__ import annotations

from typing import Any

import pytest

from ner_runtime import Entry
from ner_runtime.lexicon.user.entries import MAX_TEXT, checked, entry_from


def test_white_space_around_text_and_type_is_removed() -> None:
    assert checked(Entry(" 百度 ", " ORG ")) == Entry("百度", "ORG")


def test_an_entry_is_read_from_json() -> None:
    value = {"text": "苹果", "type": "ORG", "mode": "force", "left": "买", "right": None, "color": "#ff4d5e"}
    assert entry_from(value) == Entry("苹果", "ORG", "force", left="买", color="#ff4d5e")
    assert entry_from({"text": "苹果", "type": "ORG", "mode": "hint", "weight": 3}).weight == 3.0


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("百度", "should be a JSON object"),
        ({"text": "百度"}, "type: is missing"),
        ({"text": None, "type": "ORG"}, "text: is missing"),
        ({"text": "百度", "type": "ORG", "kind": "x"}, "unknown field; the fields are text, type, mode"),
        ({"text": 7, "type": "ORG"}, "text: should be a string"),
        ({"text": " ", "type": "ORG"}, "text: is empty"),
        ({"text": "百" * (MAX_TEXT + 1), "type": "ORG"}, "text: has 101 characters; the limit is 100"),
        ({"text": "百\n度", "type": "ORG"}, "text: contains a line break"),
        ({"text": "\ud800", "type": "ORG"}, "text: is not valid Unicode"),
        ({"text": "百度", "type": "a b"}, "type: should be 1 to 40 characters without white space"),
        ({"text": "百度", "type": "*"}, "type: \\* is allowed with the mode forbid only"),
        ({"text": "百度", "type": "ORG", "mode": "must"}, "mode: should be prefer, force, forbid or hint"),
        ({"text": "百度", "type": "ORG", "weight": 1}, "weight: is allowed with the mode hint only"),
        ({"text": "百度", "type": "ORG", "mode": "hint", "weight": True}, "weight: should be a number"),
        ({"text": "百度", "type": "ORG", "mode": "hint", "weight": 10**400}, "weight: should be between -100 and 100"),
        ({"text": "百度", "type": "ORG", "color": "red;}"}, "color: should be the name of a colour"),
    ],
)
def test_what_is_not_an_entry_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        entry_from(value)
