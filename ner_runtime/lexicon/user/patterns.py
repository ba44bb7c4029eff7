"""Convert entries and texts into the form in which they are compared.

Both are folded character by character: upper case to lower case, full width to half width, one form of the middle dot,
of the hyphen and of the space. Then an edge mark is inserted where a word of an alphabetic script or a number begins or
ends. An entry can therefore match only at the edges of words: `AI` does not match in `AIR`, and `京东` matches in
`京东AI`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType

import numpy as np

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


def _unfolded_words() -> re.Pattern[str]:
    """Return the pattern of words in a text that is not folded: of characters whose folded form is in `_WORD`."""
    ranges: list[str] = []
    for first, last in (("\0", "\u24ff"), ("\uff00", "\uffff")):
        characters = "".join(map(chr, range(ord(first), ord(last) + 1)))
        words = _WORDS.finditer(characters.translate(_FOLD))
        ranges += [f"{characters[word.start()]}-{characters[word.end() - 1]}" for word in words]
    return re.compile(f"[{''.join(ranges)}]+")


_UNFOLDED_WORDS = _unfolded_words()
# The folded form of each code point. An array is faster than the table, unless a text is short.
_FOLDED = np.arange(max(_FOLD) + 1, dtype="<u4")
_FOLDED[list(_FOLD)] = list(_FOLD.values())
_MIN_LOOKED_UP = 64


FOLDING: Mapping[int, int] = MappingProxyType({code: form for code, form in _FOLD.items() if code != ord(EDGE)})
"""How `FoldedText.unfolded` is folded."""


class FoldedText:
    """A text in the form in which it is compared, and the offsets in the text as given."""

    def __init__(self, text: str) -> None:
        self._text = text.replace(EDGE, chr(_REPLACEMENT)) if EDGE in text else text
        edges = [edge for word in _UNFOLDED_WORDS.finditer(text) for edge in word.span()]
        self.unfolded = self._with_marks(edges) if edges else self._text
        """The text with edge marks, but not folded. An alphabet folds it when it recodes it."""
        self._marks = [edge + index for index, edge in enumerate(edges)]

    @cached_property
    def folded(self) -> str:
        """The text without edge marks: one character for each code point."""
        return fold(self._text)

    @cached_property
    def marked(self) -> str:
        """The text with edge marks."""
        return pattern(self._text) if self._marks else self.folded

    def _with_marks(self, edges: Sequence[int]) -> str:
        text = self._text
        return EDGE.join([text[start:end] for start, end in pairwise([0, *edges, len(text)])])

    def offset(self, marked: int) -> int:
        """Convert an offset in `marked` into an offset in the text."""
        return marked - bisect_left(self._marks, marked) if self._marks else marked


def fold(text: str) -> str:
    """Fold a text without inserting edge marks; the length stays the same."""
    if len(text) < _MIN_LOOKED_UP:
        return text.translate(_FOLD)
    code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")  # (code points,)
    folded = _FOLDED.take(code_points, mode="clip")
    if code_points.max() >= len(_FOLDED):
        folded = np.where(code_points < len(_FOLDED), folded, code_points)
    return folded.tobytes().decode("utf-32-le")


def pattern(text: str) -> str:
    """Fold a text and insert edge marks. Lines of a text are converted independently of each other."""
    return _WORDS.sub(_with_marks, fold(text))


def _with_marks(word: re.Match[str]) -> str:
    return f"{EDGE}{word[0]}{EDGE}"
