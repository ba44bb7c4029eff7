"""Convert the matches of a lexicon into flags for each code point, an additional input of the model.

For each kind of entry, three flags tell whether a match begins, continues or ends at the code point. Source:
SoftLexicon (Ma et al. 2020), here without word vectors.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ner_runtime.lexicon import MAX_KINDS
from ner_runtime.lexicon.matcher import Match, kinds_of
from ner_runtime.lexicon.user.matches import TextMatches

Flags = NDArray[np.uint8]

FLAGS = 3 * MAX_KINDS
"""Number of flags of a code point: one per kind for matches that begin there, then that continue, then that end."""


# The kinds of the entries of a user's lexicon in a model that was trained with these kinds.
_KINDS_OF_TYPES = {"PER": "person_known", "LOC": "place", "ORG": "org_modern"}


def entry_matches(matches: TextMatches, kinds: tuple[str, ...]) -> list[Match]:
    """Return the occurrences of a user's entries as matches of the model's own lexicon.

    Args:
        matches: the occurrences in a text
        kinds: the kinds of the model's lexicon, in the order of their bits
    """
    bits = _bits_of_types(kinds)
    return [
        Match(one.start, one.end, bits[one.type])
        for one in (*matches.names, *matches.hints)
        if one.type in bits and one.weight >= 0
    ]


@cache
def _bits_of_types(kinds: tuple[str, ...]) -> dict[str, int]:
    return {type_: kinds_of([kind], kinds) for type_, kind in _KINDS_OF_TYPES.items() if kind in kinds}


def match_flags(length: int, matches: Iterable[Match]) -> Flags:
    """Return the flags of a text of `length` code points: (code points, FLAGS), each 0 or 1."""
    begins, inside, ends = [0] * length, [0] * length, [0] * length
    for start, end, kinds in matches:
        begins[start] |= kinds
        ends[end - 1] |= kinds
        for position in range(start + 1, end - 1):
            inside[position] |= kinds
    packed = np.array([begins, inside, ends], dtype="<u2").T.copy()  # (code points, 3)
    return np.unpackbits(packed.view(np.uint8), axis=1, bitorder="little")  # (code points, FLAGS)
