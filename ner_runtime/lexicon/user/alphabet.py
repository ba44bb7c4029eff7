"""Recode texts so that frequent characters take one or two bytes in UTF-8.

The automata of lexicons work on UTF-8, in which most Chinese characters take three bytes. An automaton of recoded
patterns has fewer states, and is built and matches in half of the time. Texts are folded by the same look-up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_SEPARATOR = "\n"
# Codes up to the surrogates, which UTF-8 cannot represent.
_MAX_CODE = 0xD7FF
_LAST_OF_BMP = 0xFFFF


class Alphabet:
    """Codes of the characters of some texts; the most frequent ones have the lowest codes. 0 is not a code."""

    def __init__(self, characters: NDArray[np.uint32], folding: Mapping[int, int]) -> None:
        """Build an alphabet.

        Args:
            characters: the characters, most frequent first; the code of the first one is 1
            folding: a `str.translate` table; a character that is folded into another one gets the code of that one
        """
        # Texts have more characters than the patterns: those behind the end get the last code, which is 0.
        codes = np.zeros(max(int(characters.max()), _LAST_OF_BMP) + 2, dtype="<u2")  # (characters,)
        codes[characters] = np.arange(1, len(characters) + 1)
        codes[list(folding)] = codes[list(folding.values())]
        self._codes = codes

    def recode(self, text: str) -> str:
        """Fold and recode a text; each character becomes one, `\\0` if the alphabet does not have it."""
        code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")  # (code points,)
        return self._codes.take(code_points, mode="clip").tobytes().decode("utf-16-le")

    def recode_all(self, texts: Sequence[str]) -> list[str]:
        """Recode the texts that the alphabet was made of."""
        return self.recode(_SEPARATOR.join(texts)).split(self.recode(_SEPARATOR))


def alphabet_of(texts: Sequence[str], folding: Mapping[int, int]) -> Alphabet | None:
    """Return the alphabet of folded texts without line breaks; None if they have more characters than there are codes.

    For `folding`, see `Alphabet`.
    """
    code_points = np.frombuffer(_SEPARATOR.join([*texts, ""]).encode("utf-32-le"), dtype="<u4")
    counts = np.bincount(code_points)  # (largest code point + 1,)
    characters = np.flatnonzero(counts)
    if len(characters) > _MAX_CODE:
        return None
    frequent_first = characters[np.argsort(-counts[characters], kind="stable")]
    return Alphabet(frequent_first.astype(np.uint32), folding)
