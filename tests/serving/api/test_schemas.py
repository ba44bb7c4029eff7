import json

import pytest

from ner_runtime.entities import Entity
from ner_runtime.errors import EmptyText, InvalidValue, MalformedRequest, RanerError, TextTooLong
from ner_runtime.serving.api.errors import TooManyTexts
from ner_runtime.serving.api.schemas import Limits, check_text, entity_items, read_ner, read_ner_batch

LIMITS = Limits(max_chars=10, max_texts=2)


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_a_request_with_defaults_and_with_all_fields() -> None:
    request = read_ner(body(text="马云"), LIMITS)
    assert (request.text, request.types, request.offset_unit) == ("马云", None, "code_point")
    request = read_ner(body(text="\ud800", types=["PER"], offset_unit="utf16"), LIMITS)
    assert (request.text, request.types, request.offset_unit) == ("\ud800", ["PER"], "utf16")


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (b"{", MalformedRequest, "not JSON"),
        (b'{"text": "a", "text": "b"}', MalformedRequest, "the body is not unambiguous: a name occurs twice"),
        (b"[1]", InvalidValue, "should be a JSON object"),
        (body(), InvalidValue, "text: field required"),
        (body(text=None), InvalidValue, "text: should be a string"),
        (body(text=["马云"]), InvalidValue, "text: should be a string"),
        (body(text=""), EmptyText, "the text is empty"),
        (body(text="马" * 11), TextTooLong, "the text has 11 characters; the limit is 10"),
        (body(text="马云", lang="zh"), InvalidValue, "lang: extra inputs are not permitted"),
        (body(text="马云", types="PER"), InvalidValue, "types: input should be a valid list"),
        (body(text="马云", types=[]), InvalidValue, "types: should not be empty"),
        (body(text="马云", types=[1]), InvalidValue, r"types\.0: should be a string"),
        (body(text="马云", offset_unit="byte"), InvalidValue, "offset_unit: input should be 'code_point' or 'utf16'"),
        (body(**{"text": "马云", "\ud800": 1}), InvalidValue, "a field's name is not valid Unicode"),
    ],
)
def test_a_wrong_request_is_one_error(bad: bytes, error: type[RanerError], message: str) -> None:
    with pytest.raises(error, match=message):
        read_ner(bad, LIMITS)


def test_a_long_field_name_is_cut_short() -> None:
    with pytest.raises(InvalidValue) as raised:
        read_ner(body(text="马云", **{"x" * 1000: 1}), LIMITS)
    assert len(raised.value.message) < 100


def test_texts_of_a_batch_are_checked_one_by_one() -> None:
    request = read_ner_batch(body(texts=["马云", 7]), LIMITS)
    assert check_text(request.texts[0], LIMITS) == "马云"
    with pytest.raises(InvalidValue, match="text: should be a string"):
        check_text(request.texts[1], LIMITS)


def test_an_empty_and_a_too_large_batch() -> None:
    with pytest.raises(InvalidValue, match="texts: should not be empty"):
        read_ner_batch(body(texts=[]), LIMITS)
    with pytest.raises(TooManyTexts, match="3 texts; the limit is 2"):
        read_ner_batch(body(texts=["a", "b", "c"]), LIMITS)


def test_offsets_in_both_units() -> None:
    text = "𠮷野家的马云"
    entity = Entity("PER", "马云", 4, 6, 0.99999999)
    [points] = entity_items(text, [entity], {"PER": "red"}, "code_point")
    assert points == {"type": "PER", "span": "马云", "start_offset": 4, "end_offset": 6, "score": 1.0, "color": "red"}
    [units] = entity_items(text, [entity], {"PER": "red"}, "utf16")
    assert (units["start_offset"], units["end_offset"]) == (5, 7)
