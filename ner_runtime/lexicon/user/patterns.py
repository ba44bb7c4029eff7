"""Convert entries and texts into the form in which they are compared.

Both are folded character by character: upper case to lower case, full width to half width, one form of the middle dot,
of the hyphen and of the space. Then an edge mark is inserted where a word of an alphabetic script or a number begins or
ends. An entry can therefore match only at the edges of words: `AI` does not match in `AIR`, and `京东` matches in
`京东AI`.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from ner_runtime.lexicon.folding import Table, base_table

EDGE = "\x01"
"""The edge mark. No entry contains it; in texts it is replaced."""

_HYPHENS = "‐‑‒–−"
_SPACES = "\u00a0\u3000"
_REPLACEMENT = 0xFFFD
# The automaton works on UTF-8, which cannot represent a lone surrogate. No entry contains one.
_FOLD: Table = (
    dict.fromkeys(range(0xD800, 0xE000), _REPLACEMENT)
    | base_table()
    | dict.fromkeys(map(ord, _HYPHENS), ord("-"))
    | dict.fromkeys(map(ord, _SPACES), ord(" "))
    | {ord(EDGE): _REPLACEMENT}
)
# Digits and letters of the Latin, Greek and Cyrillic scripts, with combining marks.
_WORD = "0-9A-Za-zªµº\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0300-\u03ff\u0400-\u052f\u1e00-\u1fff"
_WORDS = re.compile(f"[{_WORD}]+")
_MARKED = rf"{EDGE}\g<0>{EDGE}"


class FoldedText:
    """A text in the form in which it is compared, and the offsets in the text as given."""

    def __init__(self, text: str) -> None:
        self.folded = text.translate(_FOLD)
        """The text without edge marks: one character for each code point."""
        self._edges = [edge for word in _WORDS.finditer(self.folded) for edge in word.span()]
        self.marked = _mark(self.folded) if self._edges else self.folded
        """The text with edge marks."""
        self._marks = [edge + index for index, edge in enumerate(self._edges)]

    def offset(self, marked: int) -> int:
        """Convert an offset in `marked` into an offset in the text."""
        return marked - bisect_left(self._marks, marked) if self._marks else marked


def fold(text: str) -> str:
    """Fold a text without inserting edge marks; the length stays the same."""
    return text.translate(_FOLD)


def pattern(text: str) -> str:
    """Fold a text and insert edge marks. Lines of a text are converted independently of each other."""
    return _mark(text.translate(_FOLD))


def _mark(folded: str) -> str:
    return _WORDS.sub(_MARKED, folded)
