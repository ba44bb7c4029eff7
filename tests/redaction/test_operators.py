"""What each operator puts in the place of a string."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from ner_runtime.errors import InvalidValue, UnknownType
from ner_runtime.redaction.operators import Hash, Keep, Mask, Operators, Replace, masked, operator_from

KEY = "0123456789abcdef"


@pytest.mark.parametrize(
    ("operator", "string", "expected"),
    [
        (Mask(), "欧阳娜娜", "****"),
        (Mask(keep_start=3, keep_end=4), "13800138000", "138****8000"),
        (Mask(char="某", keep_start=1), "张三", "张某"),
        (Mask(keep_start=1, keep_end=1), "张三", "**"),
        (Mask(keep_start=5), "张三", "**"),
        (Mask(), "😀𠮷", "**"),
    ],
)
def test_a_mask_replaces_each_code_point_and_never_nothing(operator: Mask, string: str, expected: str) -> None:
    assert masked(operator, string) == expected


def test_a_hash_is_the_hmac_of_the_string_as_other_tools_compute_it() -> None:
    expected = hmac.new(KEY.encode(), "马云".encode(), hashlib.sha256).hexdigest()
    assert Operators(key=KEY).hashed(Hash(), "马云") == expected
    assert Operators().hashed(Hash(key=KEY, digits=16), "马云") == expected[:16]
    assert Operators(key="another key of 24 chars.").hashed(Hash(), "马云") != expected
    assert len(Operators(key=KEY).hashed(Hash(), "\ud800")) == 64


def test_the_key_of_an_operator_precedes_the_common_one() -> None:
    operators = Operators({"PER": Hash(key=KEY)}, "another key of 24 chars.")
    assert operators.hashed(Hash(key=KEY), "马云") == Operators(key=KEY).hashed(Hash(), "马云")


def test_a_hash_without_a_key_is_an_error() -> None:
    with pytest.raises(InvalidValue, match=r"^operators\.PER: no key; "):
        Operators({"PER": Hash()})
    Operators({"PER": Hash()}, KEY)


def test_a_type_without_an_operator_has_the_default_one() -> None:
    assert Operators().of("PER") == Replace()
    operators = Operators({"PER": Keep(), "DEFAULT": Mask()})
    assert (operators.of("PER"), operators.of("LOC")) == (Keep(), Mask())


def test_types_with_an_operator_are_replaced_besides_the_default_types() -> None:
    operators = Operators({"TIME": Mask(), "PER": Mask(), "PHONE": Mask(), "DEFAULT": Mask()})
    assert operators.types(["PER", "LOC"]) == ["PER", "LOC", "TIME"]


def test_an_operator_for_an_unknown_type_is_an_error() -> None:
    Operators({"PER": Mask(), "PHONE": Keep(), "DEFAULT": Mask()}).check_types(["PER"])
    with pytest.raises(UnknownType, match="unknown type 'PRE'"):
        Operators({"PRE": Mask()}).check_types(["PER"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"type": "encrypt"}, "type should be one of replace, mask, hash, remove, keep"),
        ({}, "type should be one of replace, mask, hash, remove, keep"),
        ({"type": "mask", "char": ""}, "mask.char: Value error, should be a string of length 1"),
        ({"type": "hash", "key": "short"}, "hash.key: Value error, should be a string of length 16 to 1024"),
        ({"type": "remove", "char": "*"}, "remove.char: Extra inputs are not permitted"),
    ],
)
def test_what_is_not_an_operator_is_refused(value: object, message: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        operator_from(value)
    assert raised.value.message == message


def test_no_key_is_printed() -> None:
    assert KEY not in repr(Hash(key=KEY)) + repr(Operators({"PER": Hash(key=KEY)}, KEY))
