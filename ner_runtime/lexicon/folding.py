"""Fold lexicon entries and texts into the form in which they are compared.

A table maps single characters to single characters (upper case to lower case, full width to half width, traditional to
simplified script, variants of the middle dot), so that an offset in the folded text is an offset in the text.
"""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

Table = dict[int, int]

MIDDLE_DOTS = "·．.∙⋅ㆍ・•‧･"

_SHIFT = 0xFEE0
_FULL_WIDTH = range(0xFF01, 0xFF5F)
_LAST_CASED = 0x24FF


def base_table() -> Table:
    """Return the table for case, width and middle dots. It does not change traditional characters."""
    table = {code: code - _SHIFT for code in _FULL_WIDTH}
    table |= {code: ord("·") for code in map(ord, MIDDLE_DOTS)}
    for code in (*range(_LAST_CASED), *_FULL_WIDTH):
        lower = chr(table.get(code, code)).lower()
        if len(lower) == 1 and unicodedata.category(chr(code)) == "Lu":
            table[code] = ord(lower)
    return {code: folded for code, folded in table.items() if code != folded}


def with_script(variants: dict[int, str]) -> Table:
    """Return the base table with the simplified form of each traditional character added.

    Args:
        variants: a `str.translate` table of single characters
    """
    return base_table() | {code: ord(form) for code, form in variants.items() if len(form) == 1}


def to_arrays(table: Table) -> NDArray[np.uint32]:
    """Convert a table into an array (2, entries): characters, and their folded forms."""
    return np.array([list(table), list(table.values())], dtype=np.uint32).reshape(2, -1)


def from_arrays(array: NDArray[np.uint32]) -> Table:
    """Convert an array from `to_arrays` back into a table."""
    return dict(zip(array[0].tolist(), array[1].tolist(), strict=True))
