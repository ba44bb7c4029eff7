"""The checker catches wrong answers, and lets right ones pass."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from loadtest.checks import Asked, Memory, Wrong, check_answer, check_batch, check_error
from tests.support.texts import real_text

TEXT = "😀马云在杭州"
NAMES = {"PER": ["马云"], "LOC": ["杭州"]}
ALL = Asked(frozenset(("PER", "LOC", "ORG")))


def entity(type_: str, start: int, end: int, span: str, **changes: object) -> dict[str, Any]:
    item = {"type": type_, "span": span, "start_offset": start, "end_offset": end, "score": 0.9, "color": "red"}
    return {**item, **changes}


PER, LOC = entity("PER", 1, 3, "马云"), entity("LOC", 4, 6, "杭州")


def meta(unit: str = "code_point", version: str = "1") -> dict[str, Any]:
    timings = {"total": 2.5, "queue": 0.5, "inference": 2}
    facts = {"model": "m", "version": version, "precision": "int8", "windows": 1, "cached": False}
    return {**facts, "offset_unit": unit, "timings_ms": timings}


def answer(*entities: dict[str, Any], **changes: object) -> bytes:
    return json.dumps({"success": True, "data": entities, "meta": meta(), **changes}).encode()


def test_a_right_answer_passes_and_says_where_the_time_went() -> None:
    timings = check_answer(answer(PER, LOC), TEXT, ALL, Memory(), NAMES)
    assert (timings.total, timings.queue, timings.inference) == (2.5, 0.5, 2)


def test_utf16_offsets_are_checked_in_utf16() -> None:
    entities = (entity("PER", 2, 4, "马云"), entity("LOC", 5, 7, "杭州"))
    asked, memory = Asked(ALL.types, "utf16"), Memory()
    check_answer(answer(*entities, meta=meta("utf16")), TEXT, asked, memory, NAMES)
    # The same entities as in code points: nothing was answered differently.
    check_answer(answer(PER, LOC), TEXT, ALL, memory, NAMES)
    with pytest.raises(Wrong, match="not those of the span"):
        check_answer(answer(PER, LOC, meta=meta("utf16")), TEXT, asked, Memory(), NAMES)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "shape"),
        (b"<html>", "shape"),
        (b'{"success": true}', "shape: data"),
        (b'{"success": false, "error": {"code": "internal", "message": "x"}}', "shape: success"),
        (answer(PER, LOC, extra=1), "shape: extra"),
        (answer({**PER, "score": 1.5}, LOC), "shape: data.0.score"),
        (answer({**PER, "score": "0.9"}, LOC), "shape: data.0.score"),
        (answer({**PER, "start_offset": True}, LOC), "shape: data.0.start_offset"),
        (answer({name: value for name, value in PER.items() if name != "color"}, LOC), "shape: data.0.color"),
        (answer(PER, LOC, meta={**meta(), "timings_ms": {"total": 1}}), "shape: meta.timings_ms.queue"),
        (answer({**PER, "start_offset": 0}, LOC), "not those of the span"),
        (answer({**PER, "span": "马雲"}, LOC), "not those of the span"),
        (answer(PER, {**LOC, "end_offset": 60}), "in a text of 6 characters"),
        (answer(PER, {**LOC, "end_offset": 4}), "in a text of 6 characters"),
        (answer(LOC, PER), "overlap or are not sorted"),
        (answer(PER, PER, LOC), "overlap or are not sorted"),
        (answer({**PER, "type": "DOG"}, LOC), r"nobody asked for: \['DOG'\]"),
        (answer(PER), "1 LOC not found"),
        (answer(), "not found"),
        (answer(PER, LOC, meta=meta("utf16")), "offsets in utf16, not code_point"),
    ],
)
def test_a_wrong_answer_is_caught(body: bytes, message: str) -> None:
    with pytest.raises(Wrong, match=message):
        check_answer(body, TEXT, ALL, Memory(), NAMES)


def test_names_of_types_that_were_not_asked_for_are_not_missed() -> None:
    check_answer(answer(PER), TEXT, Asked(frozenset(["PER"])), Memory(), NAMES)


def test_another_answer_to_the_same_text_is_caught_unless_the_model_is_another() -> None:
    memory = Memory()
    check_answer(answer(PER, LOC), TEXT, ALL, memory)
    check_answer(answer(PER), TEXT, Asked(frozenset(["PER"])), memory)
    with pytest.raises(Wrong, match="answered differently before"):
        check_answer(answer(PER), TEXT, ALL, memory)
    check_answer(answer(PER, meta=meta(version="2")), TEXT, ALL, memory)


@given(before=real_text, after=real_text)
def test_any_text_in_both_units(before: str, after: str) -> None:
    text = f"{before}马云{after}"
    for unit in ("code_point", "utf16"):
        start = len(before) if unit == "code_point" else len(before.encode("utf-16-le", "surrogatepass")) // 2
        body = answer(entity("PER", start, start + 2, "马云"), meta=meta(unit))
        check_answer(body, text, Asked(ALL.types, unit), Memory(), {"PER": ["马云"]})


def batch(data: list[object], errors: dict[str, str]) -> bytes:
    items = {index: {"code": code, "message": "x"} for index, code in errors.items()}
    return json.dumps({"success": True, "data": data, "errors": items, "meta": meta()}).encode()


def test_batches() -> None:
    texts = [TEXT, "", "无"]
    check_batch(batch([[PER, LOC], None, []], {"1": "empty_text"}), texts, {1: "empty_text"}, ALL, Memory())
    for body, message in [
        (batch([[PER, LOC], None], {"1": "empty_text"}), "3 texts, 2 answers"),
        (batch([[PER, LOC], None, []], {}), "errors"),
        (batch([[PER, LOC], None, []], {"1": "invalid_value"}), "errors"),
        (batch([[PER, LOC], [], []], {"1": "empty_text"}), "though it is bad"),
        (batch([None, None, []], {"1": "empty_text"}), "text 0 is answered null"),
        (batch([[], None, [PER]], {"1": "empty_text"}), "in a text of 1 characters"),
    ]:
        with pytest.raises(Wrong, match=message):
            check_batch(body, texts, {1: "empty_text"}, ALL, Memory())


def test_errors() -> None:
    body = b'{"success": false, "error": {"code": "empty_text", "message": "the text is empty"}}'
    check_error(422, body, 422, "empty_text")
    for status, given_body, message in [
        (200, answer(), "status 200, not 422"),
        (422, body.replace(b"empty_text", b"internal"), "error internal, not empty_text"),
        (422, b'["empty"]', "shape"),
        (422, body.replace(b'"message"', b'"detail"'), "shape"),
    ]:
        with pytest.raises(Wrong, match=message):
            check_error(status, given_body, 422, "empty_text")


def test_no_message_holds_the_text() -> None:
    with pytest.raises(Wrong) as raised:
        check_answer(answer({**PER, "span": "秘密"}), "秘密文本", ALL, Memory())
    assert "秘密" not in str(raised.value)
