"""The checks of the load test reject wrong responses and accept right ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from loadtest.checks import (
    PreviousEntities,
    RequestOptions,
    WrongResponse,
    check_batch,
    check_error,
    check_ner,
    check_redact,
)
from tests.support.texts.strategies import real_text

TEXT = "😀马云在杭州"
NAMES = {"PER": ["马云"], "LOC": ["杭州"]}
ALL = RequestOptions(frozenset(("PER", "LOC", "ORG")))


def entity(type_: str, start: int, end: int, span: str, **changes: object) -> dict[str, Any]:
    item = {"type": type_, "span": span, "start_offset": start, "end_offset": end, "score": 0.9, "color": "red"}
    return {**item, "source": "model", **changes}


PER, LOC = entity("PER", 1, 3, "马云"), entity("LOC", 4, 6, "杭州")


def meta(unit: str = "code_point", version: str = "1") -> dict[str, Any]:
    timings = {"total": 2.5, "queue": 0.5, "inference": 2}
    facts = {"model": "m", "version": version, "precision": "int8", "windows": 1, "cached": False}
    return {**facts, "offset_unit": unit, "timings_ms": timings}


def ner_response(*entities: dict[str, Any], **changes: object) -> bytes:
    return json.dumps({"success": True, "data": entities, "meta": meta(), **changes}).encode()


def test_right_response_passes_and_gives_its_timings() -> None:
    timings = check_ner(ner_response(PER, LOC), TEXT, ALL, PreviousEntities(), NAMES)
    assert (timings.total, timings.queue, timings.inference) == (2.5, 0.5, 2)


def test_utf16_offsets_are_checked_in_utf16() -> None:
    entities = (entity("PER", 2, 4, "马云"), entity("LOC", 5, 7, "杭州"))
    options, previous = RequestOptions(ALL.types, "utf16"), PreviousEntities()
    check_ner(ner_response(*entities, meta=meta("utf16")), TEXT, options, previous, NAMES)
    # The same entities with offsets in code points are not a different result.
    check_ner(ner_response(PER, LOC), TEXT, ALL, previous, NAMES)
    with pytest.raises(WrongResponse, match="do not match the span"):
        check_ner(ner_response(PER, LOC, meta=meta("utf16")), TEXT, options, PreviousEntities(), NAMES)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "shape"),
        (b"<html>", "shape"),
        (b'{"success": true}', "shape: data"),
        (b'{"success": false, "error": {"code": "internal", "message": "x"}}', "shape: success"),
        (ner_response(PER, LOC, extra=1), "shape: extra"),
        (ner_response({**PER, "score": 1.5}, LOC), "shape: data.0.score"),
        (ner_response({**PER, "score": "0.9"}, LOC), "shape: data.0.score"),
        (ner_response({**PER, "start_offset": True}, LOC), "shape: data.0.start_offset"),
        (ner_response({name: value for name, value in PER.items() if name != "color"}, LOC), "shape: data.0.color"),
        (ner_response(PER, LOC, meta={**meta(), "timings_ms": {"total": 1}}), "shape: meta.timings_ms.queue"),
        (ner_response({**PER, "start_offset": 0}, LOC), "do not match the span"),
        (ner_response({**PER, "span": "马雲"}, LOC), "do not match the span"),
        (ner_response(PER, {**LOC, "end_offset": 60}), "in a text of 6 characters"),
        (ner_response(PER, {**LOC, "end_offset": 4}), "in a text of 6 characters"),
        (ner_response(LOC, PER), "overlap or are not sorted"),
        (ner_response(PER, PER, LOC), "overlap or are not sorted"),
        (ner_response({**PER, "type": "DOG"}, LOC), r"does not name: \['DOG'\]"),
        (ner_response(PER), "1 LOC entities .* are missing"),
        (ner_response(), "are missing"),
        (ner_response(PER, LOC, meta=meta("utf16")), "offsets in utf16, not code_point"),
    ],
)
def test_wrong_response_is_rejected(body: bytes, message: str) -> None:
    with pytest.raises(WrongResponse, match=message):
        check_ner(body, TEXT, ALL, PreviousEntities(), NAMES)


def test_entities_of_other_types_than_the_requested_ones_need_not_be_found() -> None:
    check_ner(ner_response(PER), TEXT, RequestOptions(frozenset(["PER"])), PreviousEntities(), NAMES)


def test_same_text_must_get_the_same_entities_from_the_same_model_version() -> None:
    previous = PreviousEntities()
    check_ner(ner_response(PER, LOC), TEXT, ALL, previous)
    check_ner(ner_response(PER), TEXT, RequestOptions(frozenset(["PER"])), previous)
    with pytest.raises(WrongResponse, match="got other LOC entities before"):
        check_ner(ner_response(PER), TEXT, ALL, previous)
    check_ner(ner_response(PER, meta=meta(version="2")), TEXT, ALL, previous)


@given(before=real_text, after=real_text)
def test_offsets_of_any_text_in_both_units(before: str, after: str) -> None:
    text = f"{before}马云{after}"
    for unit in ("code_point", "utf16"):
        start = len(before) if unit == "code_point" else len(before.encode("utf-16-le", "surrogatepass")) // 2
        body = ner_response(entity("PER", start, start + 2, "马云"), meta=meta(unit))
        check_ner(body, text, RequestOptions(ALL.types, unit), PreviousEntities(), {"PER": ["马云"]})


def batch(data: list[object], errors: dict[str, str]) -> bytes:
    items = {index: {"code": code, "message": "x"} for index, code in errors.items()}
    return json.dumps({"success": True, "data": data, "errors": items, "meta": meta()}).encode()


def test_batch_responses() -> None:
    texts = [TEXT, "", "无"]
    check_batch(batch([[PER, LOC], None, []], {"1": "empty_text"}), texts, {1: "empty_text"}, ALL, PreviousEntities())
    for body, message in [
        (batch([[PER, LOC], None], {"1": "empty_text"}), "3 texts, 2 results"),
        (batch([[PER, LOC], None, []], {}), "errors"),
        (batch([[PER, LOC], None, []], {"1": "invalid_value"}), "errors"),
        (batch([[PER, LOC], [], []], {"1": "empty_text"}), "though the text is bad"),
        (batch([None, None, []], {"1": "empty_text"}), "text 0 is null"),
        (batch([[], None, [PER]], {"1": "empty_text"}), "in a text of 1 characters"),
    ]:
        with pytest.raises(WrongResponse, match=message):
            check_batch(body, texts, {1: "empty_text"}, ALL, PreviousEntities())


def test_error_responses() -> None:
    body = b'{"success": false, "error": {"code": "empty_text", "message": "the text is empty"}}'
    check_error(422, body, 422, "empty_text")
    for status, given_body, message in [
        (200, ner_response(), "status 200, not 422"),
        (422, body.replace(b"empty_text", b"internal"), "error internal, not empty_text"),
        (422, b'["empty"]', "shape"),
        (422, body.replace(b'"message"', b'"detail"'), "shape"),
    ]:
        with pytest.raises(WrongResponse, match=message):
            check_error(status, given_body, 422, "empty_text")


def test_no_message_holds_the_text() -> None:
    with pytest.raises(WrongResponse) as raised:
        check_ner(ner_response({**PER, "span": "秘密"}), "秘密文本", ALL, PreviousEntities())
    assert "秘密" not in str(raised.value)


def redacted(text: str = "😀<PER_1>在杭州", unit: str = "utf16", **changes: object) -> bytes:
    one = {"type": "PER", "span": "马云", "start_offset": 2, "end_offset": 4, "replacement": "<PER_1>"}
    offsets = {"redacted_start_offset": 2, "redacted_end_offset": 9}
    item = {**one, **offsets, "source": "model", "operator": "replace", "score": 0.9, **changes}
    return json.dumps({"success": True, "data": {"text": text, "replacements": [item]}, "meta": meta(unit)}).encode()


def test_a_redaction_that_restores_the_text_passes() -> None:
    assert check_redact(redacted(), TEXT, "utf16").total == 2.5


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (redacted(unit="code_point"), "offsets in code_point, not utf16"),
        (redacted(start_offset=1), "does not match its offsets"),
        (redacted(replacement="<PER_2>"), "does not match its offsets"),
        (redacted(end_offset=5), "does not match its span"),
        (redacted(span="马雲"), "do not restore the text of 6 characters"),
        (redacted(text="😀<PER_1>在"), "do not restore the text of 6 characters"),
    ],
)
def test_a_redaction_that_does_not_restore_the_text_is_wrong(body: bytes, message: str) -> None:
    with pytest.raises(WrongResponse, match=message):
        check_redact(body, TEXT, "utf16")
