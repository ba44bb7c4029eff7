"""Convert the script (simplified, traditional) and the width (half, full) of single characters.

Every table maps single code points to single code points, so that the offsets in a text do not change. The
script tables are those of OpenCC. A character with several traditional forms gets the first one, since phrases are not
considered.
"""

from __future__ import annotations

from functools import cache

from opencc import OpenCC

Table = dict[int, str]

_CJK = range(0x4E00, 0xA000)


@cache
def _characters(configuration: str) -> Table:
    convert = OpenCC(configuration).convert
    table = {code: convert(chr(code)) for code in _CJK}
    return {code: form for code, form in table.items() if len(form) == 1 and form != chr(code)}


def traditional_table() -> Table:
    """Return a table for `str.translate` from simplified to traditional characters."""
    return _characters("s2t")


def simplified_table() -> Table:
    """Return a table for `str.translate` from traditional to simplified characters."""
    return _characters("t2s")


def to_traditional(text: str) -> str:
    return text.translate(traditional_table())


def to_simplified(text: str) -> str:
    return text.translate(simplified_table())


# The full-width forms of ASCII U+0021-U+007E are U+FF01-U+FF5E, in the same order.
_ASCII = range(0x21, 0x7F)
_SHIFT = 0xFEE0
HALF_TO_FULL: Table = {code: chr(code + _SHIFT) for code in _ASCII}
FULL_TO_HALF: Table = {code + _SHIFT: chr(code) for code in _ASCII}
# Digits and letters only: MSRA writes these full-width and its punctuation as usual.
ALPHANUMERIC_TO_FULL: Table = {code: form for code, form in HALF_TO_FULL.items() if chr(code).isalnum()}
