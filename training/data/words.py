"""Encode words and their kinds as one tag per character, in the BIES scheme over LAC's tagset.

A tag is `4 * kind + place`. The place is 0 for the first character of a word, 1 for an inner one, 2 for the last one,
and 3 for the only one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Tags = NDArray[np.uint8]
Word = tuple[str, str]
"""The characters of a word, and its kind."""

# https://github.com/baidu/lac, "词性和专名类别标签集合"
KINDS = (
    *("n", "f", "s", "t", "nr", "ns", "nt", "nw", "nz", "v", "vd", "vn", "a", "ad", "an", "d", "m", "q", "r", "p", "c"),
    *("u", "xc", "w", "PER", "LOC", "ORG", "TIME"),
)
_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
TAGS = 4 * len(KINDS)
NO_WORD = 255
"""The tag of a character that belongs to no word."""


def encode_words(words: Sequence[Word]) -> Tags:
    """Return one tag per character; `NO_WORD` for words of an unknown kind.

    Returns:
        (characters,)
    """
    tags: list[int] = []
    for word, kind in words:
        number = _NUMBERS.get(kind)
        if number is None:
            tags += [NO_WORD] * len(word)
        elif len(word) == 1:
            tags.append(4 * number + 3)
        else:
            tags += [4 * number, *[4 * number + 1] * (len(word) - 2), 4 * number + 2]
    return np.array(tags, dtype=np.uint8)
