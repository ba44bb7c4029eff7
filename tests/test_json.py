import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.errors import MalformedRequest
from ner_runtime.json import from_json, to_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values)
def test_round_trip(value: object) -> None:
    assert from_json(to_json(value)) == value


def test_chinese_is_not_escaped_but_lone_surrogates_are() -> None:
    assert to_json({"马": "云"}) == '{"马":"云"}'.encode()
    assert to_json("\ud800") == b'"\\ud800"'


def test_byte_order_mark_is_ignored() -> None:
    assert from_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"),
        (b"{", "not JSON"),
        (b'{"a": 1} x', "not JSON: Extra data"),
        (b"\xff\xfe{", "not UTF-8: byte 0"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        ('{"text": "马云"}'.encode("gb18030"), "not UTF-8: byte 10"),
        (b'{"a', "not JSON: Unterminated string at line 1, column 2"),
        (b'{"a": "\n"}', "not JSON: Invalid control character at line 1, column 8"),
        (b"NaN", "NaN is not a JSON value"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 10_000, "out of range"),
    ],
)
def test_invalid_json_is_malformed(body: bytes, message: str) -> None:
    with pytest.raises(MalformedRequest, match=message):
        from_json(body)


def test_error_message_does_not_quote_the_body() -> None:
    with pytest.raises(MalformedRequest) as raised:
        from_json('{"text": 机密}'.encode())
    assert "机密" not in raised.value.message
    assert json.dumps(raised.value.message).isascii()


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 2}', b'[{"a": {"b": 1, "c": 2, "b": 1}}]'])
def test_duplicate_names_are_rejected(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match="occurs twice"):
        from_json(body)
