"""Edits of a text that hide its markup, and what all finders of markup need."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

SEPARATOR = "，"
"""Stands for a URL, an e-mail address or a border. It ends a clause, and names do not contain it."""

HAN = "\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters, as the inside of a character class."""
IS_HAN = re.compile(f"[{HAN}]")
ASTERISKS = re.compile(r"\*+")


@dataclass(frozen=True, slots=True)
class Edit:
    """Removes a part of a text, or replaces it by one character."""

    start: int
    end: int
    replacement: str = ""


def overwritten(text: str, edits: Iterable[Edit]) -> str:
    """Replace the found markup by characters that are not markup, so that positions stay the same."""
    pieces: list[str] = []
    end = 0
    for edit in edits:
        pieces += [text[end : edit.start], "\x00" * (edit.end - edit.start)]
        end = edit.end
    return "".join([*pieces, text[end:]])


def is_inside_word(text: str, start: int, end: int) -> bool:
    """Return whether a mark is part of a Latin word or a number, as in `E*TRADE` and `C#`."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return before.isascii() and before.isalnum() and ((after.isascii() and after.isalnum()) or text[start:end] == "#")
