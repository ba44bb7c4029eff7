"""What the patterns find, and what they do not."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from ner_runtime.redaction.patterns import PATTERN_NAMES, PatternName, find_patterns
from tests.support.texts.strategies import real_text


def found(text: str, *names: PatternName) -> list[str]:
    return [text[match.start : match.end] for match in find_patterns(text, names or PATTERN_NAMES)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ID_NUMBER", "身份证11010519491231002X。", ["11010519491231002X"]),
        ("ID_NUMBER", "身份证 110105 19491231 002x", ["110105 19491231 002x"]),
        ("ID_NUMBER", "１１０１０５１９４９１２３１００２Ｘ", ["１１０１０５１９４９１２３１００２Ｘ"]),
        ("ID_NUMBER", "序号3 11010519491231002X", ["11010519491231002X"]),
        ("BANK_CARD", "卡号6222 0210 0111 1111 115，尾号1115", ["6222 0210 0111 1111 115"]),
        ("BANK_CARD", "4111-1111-1111-1111", ["4111-1111-1111-1111"]),
        ("BANK_CARD", "4111111111111111 2026", ["4111111111111111"]),
        ("PHONE", "打13800138000找我", ["13800138000"]),
        ("PHONE", "１３８－００１３－８０００", ["１３８－００１３－８０００"]),
        ("PHONE", "13800138000 13900139000", ["13800138000", "13900139000"]),
        ("PHONE", "+86 138 0013 8000、0086 13800138000、86-13800138000", ["+86 138 0013 8000", "0086 13800138000", "86-13800138000"]),  # noqa: E501
        ("PHONE", "(010)62785001或010-62785001转8", ["(010)62785001", "010-62785001"]),
        ("PHONE", "0755 8888 6666，400-810-8888", ["0755 8888 6666", "400-810-8888"]),
        ("PHONE", "+1 650-253-0000 13800138000", ["+1 650-253-0000", "13800138000"]),
        ("PHONE", "1795113800138000、17951 13800138000、1259301062785001", ["13800138000", "13800138000", "01062785001"]),  # noqa: E501
        ("PHONE", "179510085223456789", ["0085223456789"]),
        ("PHONE", "138\t0013\t8000", ["138\t0013\t8000"]),
        ("PHONE", "138\u200b0013\u200b8000", ["138\u200b0013\u200b8000"]),
        ("NUMBER_PLATE", "粤B·D12345、京A12345、沪AD12345", ["粤B·D12345", "京A12345", "沪AD12345"]),
        ("NUMBER_PLATE", "京A・12345、京A‧12345、京A．12345", ["京A・12345", "京A‧12345", "京A．12345"]),
        ("NUMBER_PLATE", "粤b12345，粤Z1234港", ["粤b12345", "粤Z1234港"]),
    ],
)  # fmt: skip
def test_a_number_is_found(name: PatternName, text: str, expected: list[str]) -> None:
    assert found(text, name) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ID_NUMBER", "110105194912310021"),  # wrong check digit
        ("ID_NUMBER", "110105194913310029"),  # month 13
        ("ID_NUMBER", "2110105194912310027"),  # 19 digits
        ("BANK_CARD", "6222021001111111116"),  # wrong check digit
        ("BANK_CARD", "4111111111111"),  # 13 digits
        ("PHONE", "12800138000"),  # no such range of numbers
        ("PHONE", "138001380001"),
        ("PHONE", "1200313800138000，21795113800138000"),  # no carrier prefixes
        ("PHONE", "2026-11-26 10:30"),
        ("NUMBER_PLATE", "京APPLE1，京I12345"),
    ],
)
def test_what_only_looks_like_one_is_not_found(name: PatternName, text: str) -> None:
    assert found(text, name) == []


def test_all_patterns_are_used_by_default() -> None:
    text = "11010519491231002X 4111111111111111 13800138000 a@b.cn https://a.cn 10.0.0.1 ::1 京A12345"
    assert {match.type for match in find_patterns(text)} == set(PATTERN_NAMES)
    assert find_patterns(text, ()) == []


@given(real_text | st.text("0123456789X -()+.@a京A１２", max_size=60))
def test_matches_of_a_pattern_lie_in_the_text_and_do_not_overlap(text: str) -> None:
    for name in PATTERN_NAMES:
        end = 0
        for match in find_patterns(text, [name]):
            assert end <= match.start < match.end <= len(text)
            end = match.end


# Beginnings of matches. In a text that repeats one of them, a search that tries each one to the end is quadratic.
BEGINNINGS = (
    *("1 ", "6 ", "6", "138001380001 ", "(1", "+1", "0 1 ", "京A1"),
    *("a", "a.", "a@", "a@a.", "三@例.", "http://", "http://例.", "1.1.", "1:", "::1 "),
)
SEARCH_ALL = """
import faulthandler, json, sys
from ner_runtime.redaction.patterns import find_patterns
for beginning in json.loads(sys.argv[1]):
    print("searching", repr(beginning), flush=True)
    faulthandler.dump_traceback_later(10, exit=True)
    find_patterns(beginning * (200_000 // len(beginning)))
"""


def test_the_search_of_a_long_text_is_not_quadratic() -> None:
    # Each search takes about half a second. `[a-z]+@` alone, which is quadratic, takes about a minute.
    command = [sys.executable, "-X", "utf8", "-c", SEARCH_ALL, json.dumps(BEGINNINGS)]
    subprocess.run(command, check=True)


GAP = r"[ ()-]{0,3}"


def is_id_number(number: str) -> bool:
    try:
        ric.get_birth_date(number)
    except ValidationError:
        return False
    return ric.calc_check_digit(number) == number[-1].upper()


def straightforward(text: str, form: str, name: PatternName) -> list[tuple[int, int]]:
    """Check each part of a text that has the form of a number, the longest first at each digit."""
    spans: list[tuple[int, int]] = []
    for start in range(len(text)):
        if text[start - 1 : start].isdigit() or (spans and start < spans[-1][1]):
            continue
        for end in range(len(text), start, -1):
            part, digits = text[start:end], re.sub(r"[ ()-]", "", text[start:end])
            if text[end : end + 1].isdigit() or not re.fullmatch(form, part, re.ASCII):
                continue
            if is_id_number(digits) if name == "ID_NUMBER" else luhn.is_valid(digits):
                spans.append((start, end))
                break
    return spans


numbers = st.sampled_from(
    ("110105 19491231 002X", "11010519491231002x", "6222 0210 0111 1111 115", "4111-1111-1111-1111")
)
groups = st.sampled_from((" ", "-", "    ", "X")) | st.text("0123456789", min_size=1, max_size=6)
digit_texts = st.lists(groups | numbers, max_size=16).map("".join) | st.text("0612 -", max_size=80)


@given(digit_texts)
def test_the_fast_checks_find_what_checking_every_part_finds(text: str) -> None:
    for name, form in (
        ("ID_NUMBER", rf"[1-9](?:{GAP}\d){{16}}{GAP}[\dXx]"),
        ("BANK_CARD", rf"[2-6](?:{GAP}\d){{13,18}}"),
    ):
        assert [(match.start, match.end) for match in find_patterns(text, [name])] == straightforward(text, form, name)
