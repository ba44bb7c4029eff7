"""Check whether digits are a telephone number, with the numbering plans of `phonenumbers`.

Parsing a number takes about 30 microseconds, and an adversarial text has several candidates for every ten characters.
A regular expression for each country code, made from the numbering plans, therefore decides about numbers of China, and
rejects most of the others before they are parsed.
"""

from __future__ import annotations

import re
from functools import cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberDesc

_HOME_CODE = 86
"""The country code of numbers that have none."""
_MAX_CODE_DIGITS = 3


def is_phone_number(digits: str) -> bool:
    """Return whether digits are a valid number: of China, or of any country after `+` or `00`.

    Args:
        digits: ASCII digits, after an optional `+`
    """
    if digits.startswith(("+", "86")):
        digits = f"+{digits.lstrip('+')}"
    elif digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if digits in ("", "+"):
        return False
    if digits[0] != "+":
        return _expression(_HOME_CODE).fullmatch(digits) is not None
    if not _may_be_valid(digits):
        return False
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits))
    except phonenumbers.NumberParseException:
        return False


def _may_be_valid(digits: str) -> bool:
    """Return whether digits after a `+` have the form of a number of their country."""
    # No country code is the beginning of another one.
    for end in range(2, 2 + _MAX_CODE_DIGITS):
        code = int(digits[1:end])
        if code in COUNTRY_CODE_TO_REGION_CODE:
            return _expression(code).fullmatch(digits, end) is not None
    return False


@cache
def _expression(code: int) -> re.Pattern[str]:
    """Return an expression that all valid numbers of a country code match, without the code."""
    forms: set[str] = set()
    for region in COUNTRY_CODE_TO_REGION_CODE[code]:
        metadata = (
            PhoneMetadata.metadata_for_nongeo_region(code)
            if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY
            else PhoneMetadata.metadata_for_region(region)
        )
        if metadata is None:
            continue
        prefix = metadata.national_prefix_for_parsing or ""
        forms |= {f"(?:{prefix})?(?:{description})" for description in _descriptions(metadata)}
        if metadata.national_prefix_transform_rule:
            # Removing the prefix changes the digits after it.
            forms.add(rf"(?:{prefix})\d*")
    return re.compile("|".join(sorted(forms)))


def _descriptions(metadata: PhoneMetadata) -> set[str]:
    """Return the expressions of the numbers of each kind, such as mobile numbers."""
    kinds: list[PhoneNumberDesc | None] = [
        metadata.fixed_line,
        metadata.mobile,
        metadata.toll_free,
        metadata.premium_rate,
        metadata.shared_cost,
        metadata.personal_number,
        metadata.voip,
        metadata.pager,
        metadata.uan,
        metadata.voicemail,
    ]
    return {kind.national_number_pattern for kind in kinds if kind is not None and kind.national_number_pattern}
