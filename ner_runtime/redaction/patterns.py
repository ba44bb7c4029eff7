"""Patterns: find numbers and addresses that have a fixed form, as far as possible with their check digits.

A text is folded first: full-width digits and letters, dashes and spaces take their ASCII form, one code point for one
code point. Up to three spaces, hyphens or parentheses may stand between two digits of a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, get_args

from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from ner_runtime.lexicon.folding import MIDDLE_DOTS
from ner_runtime.redaction.addresses import email_addresses, ipv4_addresses, ipv6_addresses, urls

PatternName = Literal["ID_NUMBER", "BANK_CARD", "PHONE", "EMAIL", "URL", "IPV4", "IPV6", "NUMBER_PLATE"]
PATTERN_NAMES: tuple[PatternName, ...] = get_args(PatternName)
"""The names of all patterns. A name is also the type of what the pattern finds."""

_GAP = r"[ ()-]{0,3}"
_SEPARATORS = " ()-"
_DIGITS = "0123456789"
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
"""The sum of the digits of twice each digit; see Luhn's patent, US 2950048."""
_FIRST_CARD_DIGITS = range(2, 7)
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"


@dataclass(frozen=True, slots=True)
class Match:
    """A string that a pattern found: offsets in code points, end exclusive."""

    type: PatternName
    start: int
    end: int


def find_patterns(text: str, names: Iterable[PatternName] = PATTERN_NAMES) -> list[Match]:
    """Return what the patterns find in a text. Matches of different patterns may overlap.

    Args:
        text: the text
        names: the patterns to look for
    """
    # Of the ASCII characters, only the tab is folded.
    folded = text if text.isascii() and "\t" not in text else text.translate(_FOLDING)
    return [Match(name, start, end) for name in dict.fromkeys(names) for start, end in _FINDERS[name](folded)]


def _folding() -> dict[int, str]:
    table = {0xFF01 + index: chr(0x21 + index) for index in range(94) if chr(0x21 + index).isalnum()}
    table |= {ord(char): folded for char, folded in zip("＠．：／＿＋（）", "@.:/_+()", strict=True)}
    table |= dict.fromkeys(map(ord, "‐‑‒–—−﹣－"), "-")
    # Zero-width characters separate the digits of a number as spaces do.
    return table | dict.fromkeys([*range(0x2000, 0x200E), *map(ord, "\t\u00a0\u202f\u2060\u3000\ufeff")], " ")


_FOLDING = _folding()


def _number(first: str, fewest: int, most: int) -> str:
    """Return the expression of a number: its first digits, and `fewest` to `most` more."""
    return rf"{first}(?:{_GAP}\d){{{fewest},{most}}}(?!\d)"


def _expression(pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII | flags)


# Zero-width: a number that fails its check must not hide another one that begins inside it. The month is part of the
# expression because most numbers that are not an identity number fail there.
_ID_NUMBER = _expression(
    rf"(?<!\d)(?=([1-9](?:{_GAP}\d){{9}}{_GAP}(?:0{_GAP}[1-9]|1{_GAP}[0-2])(?:{_GAP}\d){{5}}{_GAP}[\dXx](?!\d)))"
)
_FEWEST_CARD_DIGITS, _MOST_CARD_DIGITS = 14, 19
_MANY_DIGITS = _expression(rf"\d(?:{_GAP}\d){{{_FEWEST_CARD_DIGITS - 1},}}")
# What is dialled before a number to choose the carrier: 17900 to 17999 and three older ones.
_CARRIER = r"(?:179\d\d|12593|10193|11808)"
_PHONE = _expression(
    rf"(?:(?<!\d)|(?<=(?<!\d){_CARRIER}))(?=("
    + "|".join(
        [
            rf"\+[1-9](?:{_GAP}\d){{6,14}}(?!\d)",
            rf"00[1-9](?:{_GAP}\d){{6,14}}(?!\d)",
            _number(rf"(?:86{_GAP})?1{_GAP}[3-9]", 9, 9),
            _number(rf"\(?0{_GAP}[1-9]", 8, 10),
            _number(rf"[48]{_GAP}0{_GAP}0", 7, 7),
        ]
    )
    + "))"
)
_NUMBER_PLATE = _expression(
    rf"[{_PROVINCES}][A-HJ-NP-Z][ {MIDDLE_DOTS}-]?(?=(?:[A-Z]*\d){{2}})"
    r"(?:[A-HJ-NP-Z\d]{6}|[A-HJ-NP-Z\d]{4}[A-HJ-NP-Z\d挂学警港澳使领])(?![A-Z\d])",
    re.IGNORECASE,
)


def _is_id_number(number: str) -> bool:
    # Not `ric.validate`: it also compares the county with a list, which does not have the newest counties.
    number = number.upper()
    if ric.calc_check_digit(number) != number[-1]:
        return False
    try:
        ric.get_birth_date(number)
    except ValidationError:
        return False
    return True


def _compact(number: str) -> str:
    return number.translate(_NO_SEPARATORS)


_NO_SEPARATORS = dict.fromkeys(map(ord, _SEPARATORS))


def _id_numbers(text: str) -> Iterator[tuple[int, int]]:
    done = 0
    for match in _ID_NUMBER.finditer(text):
        if match.start() >= done and _is_id_number(_compact(match[1])):
            done = match.end(1)
            yield match.span(1)


def _bank_cards(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the bank cards are. Digits after a number that do not belong to it are left out."""
    for many in _MANY_DIGITS.finditer(text):
        positions = [position for position, char in enumerate(many[0], many.start()) if char in _DIGITS]
        yield from _bank_cards_among(positions, [int(text[position]) for position in positions])


def _bank_cards_among(positions: Sequence[int], digits: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the bank cards among digits: `digits` stand at `positions`, with at most a gap between two of them."""
    # The Luhn sum of every part is the difference of two of these sums: every other digit is doubled, either those with
    # an odd index, or those with an even index.
    sums = [
        list(
            accumulate(
                (_DOUBLED[digit] if (index ^ parity) & 1 else digit for index, digit in enumerate(digits)), initial=0
            )
        )
        for parity in (0, 1)
    ]
    groups = [0, *(index for index in range(1, len(digits)) if positions[index] > positions[index - 1] + 1)]
    last_of_group = {index - 1 for index in groups[1:]} | {len(digits) - 1}
    done = 0
    for first in groups:
        if first < done or digits[first] not in _FIRST_CARD_DIGITS:
            continue
        for last in range(min(first + _MOST_CARD_DIGITS, len(digits)) - 1, first + _FEWEST_CARD_DIGITS - 2, -1):
            luhn = sums[last & 1]
            if last in last_of_group and (luhn[last + 1] - luhn[first]) % 10 == 0:
                done = last + 1
                yield positions[first], positions[last] + 1
                break


def _phones(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the valid telephone numbers are. Digits after a number that do not belong to it are left out."""
    # Imported here: a service that redacts nothing need not load the numbering plans.
    from ner_runtime.redaction.phone_numbers import is_phone_number

    checked: dict[str, bool] = {}  # A repetitive text has the same candidate many times.
    done = 0
    for match in _PHONE.finditer(text):
        start, number = match.start(), match[1]
        if start < done:
            continue
        while number:
            compact = _compact(number)
            if compact not in checked:
                checked[compact] = is_phone_number(compact)
            if checked[compact]:
                break
            # Without the last group of digits, if what remains still has the form of a number.
            shorter = number.rstrip(_DIGITS).rstrip(_SEPARATORS)
            fits = _PHONE.match(text, start, start + len(shorter)) if shorter else None
            number = fits[1] if fits else ""
        if number:
            done = start + len(number)
            yield start, done


def _number_plates(text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _NUMBER_PLATE.finditer(text))


_FINDERS: dict[PatternName, Callable[[str], Iterator[tuple[int, int]]]] = {
    "ID_NUMBER": _id_numbers,
    "BANK_CARD": _bank_cards,
    "PHONE": _phones,
    "EMAIL": email_addresses,
    "URL": urls,
    "IPV4": ipv4_addresses,
    "IPV6": ipv6_addresses,
    "NUMBER_PLATE": _number_plates,
}
