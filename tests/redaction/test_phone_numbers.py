"""Telephone numbers by the numbering plans: the fast checks accept what `phonenumbers` accepts."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.redaction.phone_numbers import is_phone_number

digits = st.text("0123456789", min_size=5, max_size=12)
codes = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
home = st.from_regex(r"(?:1[3-9][0-9]{9}|179[0-9]{8}|0[1-9][0-9]{8,10}|[48]00[0-9]{7})", fullmatch=True)
abroad = st.builds("{}{}{}".format, st.sampled_from(("+", "00")), codes, digits)


def accepted(number: str) -> bool:
    number = f"+{number[2:]}" if number.startswith("00") else number
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, "CN"))
    except phonenumbers.NumberParseException:
        return False


@given(home | abroad)
def test_a_number_is_valid_if_phonenumbers_accepts_it(number: str) -> None:
    assert is_phone_number(number) == accepted(number)


def test_example_numbers_of_all_countries_are_valid() -> None:
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        for region in regions:
            example = (
                phonenumbers.example_number_for_non_geo_entity(code)
                if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY
                else phonenumbers.example_number(region)
            )
            assert example
            number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            assert is_phone_number(number) == accepted(number)


def test_most_candidates_are_rejected_without_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(number: str) -> phonenumbers.PhoneNumber:
        raise AssertionError(number)

    monkeypatch.setattr(phonenumbers, "parse", parse)
    assert not is_phone_number("12800138000")
    assert not is_phone_number("+999123456789")
    assert not is_phone_number("+4900000000")
    assert is_phone_number("13800138000")
