"""Redaction as a user of the library sees it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime import Entry, Lexicon, Recognizer
from ner_runtime.entities import Entity
from ner_runtime.errors import UnknownType
from ner_runtime.redaction.operators import Hash, Keep, Mask, Operator, Operators, Remove, Replace
from ner_runtime.redaction.patterns import PATTERN_NAMES
from ner_runtime.redaction.redaction import Redaction, redact_entities
from ner_runtime.redaction.redactor import Redactor
from ner_runtime.redaction.restore import restore, restore_placeholders
from tests.support.texts.strategies import real_text

TEXT = "马云在杭州，电话13800138000。马云和马化腾都在杭州。"
KEY = "0123456789abcdef"


def redact(text: str, *people: str, operators: dict[str, Operator] | None = None) -> Redaction:
    """Redact a text in which the first occurrence of each of `people` is an entity."""
    entities = [Entity("PER", one, text.index(one), text.index(one) + len(one), 0.9) for one in people]
    return redact_entities(text, entities, Operators(operators or {}, KEY), PATTERN_NAMES)


def test_the_same_string_gets_the_same_placeholder(recognizer: Recognizer) -> None:
    [redaction] = Redactor(recognizer).redact([TEXT])
    assert redaction.text == "<PER_1>在<LOC_1>，电话<PHONE_1>。<PER_1>和<PER_2>都在<LOC_1>。"
    for one in redaction.replacements:
        assert TEXT[one.start : one.end] == one.span
        assert redaction.text[one.redacted_start : one.redacted_end] == one.replacement
    assert [(one.type, one.source, one.score is None) for one in redaction.replacements][1:3] == [
        ("LOC", "model", False),
        ("PHONE", "pattern", True),
    ]


def test_an_operator_for_each_type(recognizer: Recognizer) -> None:
    operators: dict[str, Operator] = {
        "PER": Mask(keep_start=1),
        "LOC": Keep(),
        "PHONE": Remove(),
        "DEFAULT": Replace(value="…"),
    }
    [redaction] = Redactor(recognizer, operators).redact([f"{TEXT}a@b.cn"])
    assert redaction.text == "马*在杭州，电话。马*和马**都在杭州。…"
    assert {one.operator for one in redaction.replacements} == {"mask", "remove", "replace"}


def test_types_and_patterns_can_be_chosen(recognizer: Recognizer) -> None:
    [redaction] = Redactor(recognizer, patterns=[]).redact([TEXT], ["LOC"])
    assert redaction.text == "马云在<LOC_1>，电话13800138000。马云和马化腾都在<LOC_1>。"
    with pytest.raises(UnknownType):
        Redactor(recognizer).redact([TEXT], ["DOG"])
    with pytest.raises(UnknownType):
        Redactor(recognizer, {"DOG": Mask()})


def test_a_hash_is_the_same_in_every_text(recognizer: Recognizer) -> None:
    redactor = Redactor(recognizer, {"PER": Hash(digits=8)}, key=KEY)
    first, second = redactor.redact(["马云在杭州。", "见到了马云。"])
    assert first.replacements[0].replacement == second.replacements[0].replacement


def test_names_of_a_lexicon_are_replaced(recognizer: Recognizer) -> None:
    lexicon = Lexicon.from_entries([Entry("蔚来", "BRAND"), Entry("马云", "*", "forbid")])
    [redaction] = Redactor(recognizer, {"BRAND": Mask()}, lexicon=lexicon).redact(["马云在杭州买了蔚来。"])
    assert redaction.text == "马云在<LOC_1>买了**。"
    assert [one.source for one in redaction.replacements] == ["model", "lexicon"]
    [redaction] = Redactor(recognizer, lexicon=lexicon).redact(["他买了蔚来。"], ["BRAND"])
    assert redaction.text == "他买了<BRAND_1>。"
    with pytest.raises(UnknownType):
        Redactor(recognizer, {"BRAND": Mask()})


def test_what_is_kept_does_not_protect_what_it_contains() -> None:
    text = "张三13800138000"
    assert redact(text, text, operators={"PER": Keep()}).text == "张三<PHONE_1>"


def test_a_placeholder_in_the_text_itself_is_never_given_again() -> None:
    text = "<PER_1>和<PER_3>见到张三、李四、王五。"
    redaction = redact(text, "张三", "李四", "王五")
    assert redaction.text == "<PER_1>和<PER_3>见到<PER_2>、<PER_4>、<PER_5>。"
    assert restore(redaction.text, redaction.replacements) == text
    assert restore_placeholders(redaction.text, redaction.replacements) == text


def test_a_placeholder_that_only_the_removal_of_a_string_forms_is_not_given_either() -> None:
    text = "<PER_13800138000_2>张三 李四"
    redaction = redact("<PER13800138000_1>张三", "张三", operators={"PHONE": Remove()})
    assert redaction.text == "<PER_1><PER_2>"
    assert restore_placeholders(redaction.text, redaction.replacements) == "<PER_1>张三"
    assert redact(text, "张三", "李四", operators={"PHONE": Remove()}).text == "<PER__2><PER_1> <PER_2>"


OPERATOR = st.sampled_from(
    [Replace(), Replace(value=""), Replace(value="<PER_1>"), Mask(), Mask(char="1"), Hash(digits=8), Remove(), Keep()]
)


@given(
    st.lists(real_text | st.sampled_from(["<PER_1>", "<X_2>", "<PER_", "1>", "13800138000", "a@b.cn"]), max_size=8),
    st.dictionaries(st.sampled_from(["PER", "X", "PHONE", "EMAIL", "DEFAULT"]), OPERATOR),
    st.data(),
)
def test_restoring_gives_the_original_exactly(
    pieces: list[str], operators: dict[str, Operator], data: st.DataObject
) -> None:
    text, entities = "", list[Entity]()
    for piece in pieces:
        if piece and data.draw(st.booleans()):
            type_ = data.draw(st.sampled_from(["PER", "X"]))
            entities.append(Entity(type_, piece, len(text), len(text) + len(piece), 0.5))
        text += piece
    redaction = redact_entities(text, entities, Operators(operators, KEY), PATTERN_NAMES)
    assert restore(redaction.text, redaction.replacements) == text
    if all(one.operator == "replace" and operators == {} for one in redaction.replacements):
        assert restore_placeholders(redaction.text, redaction.replacements) == text
