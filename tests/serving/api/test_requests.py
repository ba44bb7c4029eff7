import json
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from ner_runtime.errors import EmptyText, InvalidValue, MalformedRequest, RanerError, TextTooLong
from ner_runtime.redaction.operators import Mask
from ner_runtime.redaction.patterns import PATTERN_NAMES
from ner_runtime.serving.api.errors import TooManyTexts, UnknownModel
from ner_runtime.serving.api.requests import (
    RedactRequest,
    RequestLimits,
    check_text,
    parse_ner,
    parse_ner_batch,
    parse_redact,
)

LIMITS = RequestLimits(max_chars=10, max_texts=2)
MANY = {f"name {number}": 1 for number in range(1001)}


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_fields_have_defaults() -> None:
    request = parse_ner(body(text="马云"), LIMITS)
    assert (request.text, request.types, request.offset_unit) == ("马云", None, "code_point")
    assert request.min_score == 0
    request = parse_ner(body(text="\ud800", types=["PER"], offset_unit="utf16"), LIMITS)
    assert (request.text, request.types, request.offset_unit) == ("\ud800", ["PER"], "utf16")


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (b"{", MalformedRequest, "not JSON"),
        (b'{"text": "a", "text": "b"}', MalformedRequest, "the body is ambiguous: a name occurs twice"),
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
        (body(text="马云", min_score=1.5), InvalidValue, "min_score: input should be less than or equal to 1"),
        (body(text="马云", min_score="0.5"), InvalidValue, "min_score: input should be a valid number"),
        (body(**{"text": "马云", "\ud800": 1}), InvalidValue, "a field name is not valid Unicode"),
    ],
)
def test_an_invalid_request_raises_one_error(bad: bytes, error: type[RanerError], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_ner(bad, LIMITS)


@pytest.mark.parametrize(
    "fields",
    [
        {"types": [1, 2]},
        {"patterns": [1, 2]},
        *({"lexicon": {mode: [{}, {}]}} for mode in ("prefer", "force", "forbid", "hint")),
    ],
)
def test_validation_stops_at_the_first_wrong_item_of_a_list(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as raised:
        RedactRequest.model_validate({"text": "马云", **fields})
    assert all(1 not in error["loc"] for error in raised.value.errors())


@pytest.mark.parametrize(
    ("parse", "fields"),
    [
        (parse_ner, MANY),
        (parse_ner, {"lexicon": MANY}),
        (parse_ner, {"lexicon": {"hint": [MANY]}}),
        (parse_redact, {"operators": MANY}),
        (parse_redact, {"operators": {"PER": {"type": "mask", **MANY}}}),
    ],
)
def test_an_object_with_too_many_names_is_refused_before_it_is_validated(
    parse: Callable[[bytes, RequestLimits], object], fields: dict[str, object]
) -> None:
    with pytest.raises(MalformedRequest, match=r"^the body is not supported: a JSON object has \d+ names; "):
        parse(body(**{"text": "马云", **fields}), LIMITS)


def test_the_lengths_of_lists_are_limited() -> None:
    with pytest.raises(InvalidValue, match=r"^types: list should have at most 1000 items"):
        parse_ner(body(text="马云", types=["PER"] * 1001), LIMITS)
    with pytest.raises(InvalidValue, match=r"^patterns: list should have at most 100 items"):
        parse_redact(body(text="马云", patterns=["EMAIL"] * 101), LIMITS)


def test_a_long_field_name_is_cut_in_the_message() -> None:
    with pytest.raises(InvalidValue) as raised:
        parse_ner(body(text="马云", **{"x" * 1000: 1}), LIMITS)
    assert len(raised.value.message) < 100


def test_a_model_is_selected_by_its_name() -> None:
    limits = RequestLimits(max_chars=10, max_texts=2, models=("news", "resume"))
    assert parse_ner(body(text="马云"), limits).model is None
    assert parse_ner(body(text="马云", model="resume"), limits).model == "resume"
    for parse, fields in ((parse_ner, {"text": "马云"}), (parse_ner_batch, {"texts": ["马云"]})):
        with pytest.raises(
            UnknownModel, match=r"^unknown model 'poetry'; the models of this service are news, resume$"
        ):
            parse(body(model="poetry", **fields), limits)
    with pytest.raises(UnknownModel) as raised:
        parse_ner(body(text="马云", model="\ud800" * 1000), limits)
    assert len(raised.value.message.encode()) < 400


def test_texts_of_a_batch_are_checked_one_by_one() -> None:
    request = parse_ner_batch(body(texts=["马云", 7]), LIMITS)
    assert check_text(request.texts[0], LIMITS) == "马云"
    with pytest.raises(InvalidValue, match="text: should be a string"):
        check_text(request.texts[1], LIMITS)


def test_the_size_of_a_batch_is_limited() -> None:
    with pytest.raises(InvalidValue, match="texts: should not be empty"):
        parse_ner_batch(body(texts=[]), LIMITS)
    with pytest.raises(TooManyTexts, match="3 texts; the limit is 2"):
        parse_ner_batch(body(texts=["a", "b", "c"]), LIMITS)


def test_a_redaction_replaces_everything_by_default() -> None:
    request = parse_redact(body(text="马云", min_score=0.5), LIMITS)
    assert (request.operators, request.patterns, request.min_score) == ({}, [*PATTERN_NAMES], 0.5)
    request = parse_redact(body(text="马云", operators={"PER": {"type": "mask"}}, patterns=["PHONE"]), LIMITS)
    assert (request.operators, request.patterns) == ({"PER": Mask()}, ["PHONE"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"operators": {"PER": {"type": "马云"}}}, r"operators\.PER: type should be one of replace, mask, hash"),
        ({"operators": {"PER": {}}}, r"operators\.PER: type should be one of"),
        ({"operators": {"PER": "mask"}}, r"operators\.PER: input should be a valid dictionary"),
        (
            {"operators": {"PER": {"type": "mask", "char": ""}}},
            r"operators\.PER\.mask\.char: should be a string of length 1",
        ),
        ({"operators": {"PER": {"type": "hash", "key": "k3y"}}}, r"\.key: should be a string of length 16 to 1024"),
        ({"operators": {"PER": {"type": "keep", "value": ""}}}, r"operators\.PER\.keep\.value: extra inputs"),
        ({"patterns": ["EMAILS"]}, r"patterns\.0: input should be 'ID_NUMBER', "),
        ({"patterns": "EMAIL"}, "patterns: input should be a valid list"),
        ({"texts": ["马云"]}, "texts: extra inputs are not permitted"),
    ],
)
def test_an_invalid_redaction_is_refused_without_quoting_it(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidValue, match=message) as raised:
        parse_redact(body(text="马云", **fields), LIMITS)
    assert "马云" not in raised.value.message
    assert "k3y" not in raised.value.message


def test_the_entries_of_a_lexicon_are_counted_before_they_are_validated() -> None:
    limits = RequestLimits(max_chars=10, max_texts=2, max_lexicon_entries=3)
    with pytest.raises(InvalidValue, match=r"^lexicon: 4 entries; the limit is 3$"):
        parse_ner(body(text="马云", lexicon={"prefer": [1, 2], "hint": [3, 4]}), limits)
    with pytest.raises(InvalidValue, match=r"^lexicon\.prefer\.0: "):
        parse_ner(body(text="马云", lexicon={"prefer": [1, 2], "hint": 3}), limits)
    with pytest.raises(InvalidValue, match=r"^lexicon: "):
        parse_ner(body(text="马云", lexicon=[1, 2, 3, 4]), limits)
