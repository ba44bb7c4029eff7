"""Matcher: every occurrence of every lexicon entry in a text.

Entries are kept in a MARISA trie (Yata, 2011): 900,000 entries take 3 MB, in a file as in memory, and load in
milliseconds. An entry belongs to one or more of at most sixteen kinds, one bit each.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import marisa_trie
import numpy as np
from numpy.typing import NDArray

from ner_runtime.lexicon.folding import Table

MAX_ENTRY = 16
"""Characters of the longest entry; longer ones are not matched."""

Kinds = NDArray[np.uint16]

# A lone surrogate has no UTF-8 form, which the trie works on, and is in no entry.
_NO_SURROGATES: Table = dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)


class Match(NamedTuple):
    """An entry at code points `start` to `end` (exclusive); `kinds` has a bit for each kind that the entry is of."""

    start: int
    end: int
    kinds: int


class Matcher:
    """Finds the entries of a lexicon. Safe to use from several threads."""

    def __init__(self, trie: Any, kinds: Kinds, table: Table) -> None:
        """Put the parts together.

        Args:
            trie: the folded entries, a `marisa_trie.Trie`
            kinds: (entries,), the kinds of each entry by its number in the trie
            table: how texts are folded
        """
        self.trie = trie
        self.kinds = kinds
        self.table = table
        self._fold = _NO_SURROGATES | table
        # A fifth of the memory of a list, and faster to index than NumPy's.
        self._kinds = array("H", kinds.astype(np.uint16).tobytes())

    @classmethod
    def build(cls, entries: Mapping[str, int], table: Table) -> Matcher:
        """A matcher of entries and their kinds; entries that fold to one form share their kinds.

        Entries of fewer than two characters or more than `MAX_ENTRY` are left out.
        """
        folded: dict[str, int] = {}
        for entry, kinds in entries.items():
            if 2 <= len(entry) <= MAX_ENTRY:
                form = entry.translate(table)
                folded[form] = folded.get(form, 0) | kinds
        trie = marisa_trie.Trie(folded)
        kinds_of_entries = np.zeros(len(folded), dtype=np.uint16)  # (entries,)
        for form, number in trie.items():
            kinds_of_entries[number] = folded[form]
        return cls(trie, kinds_of_entries, table)

    def __len__(self) -> int:
        return len(self._kinds)

    def find(self, text: str) -> list[Match]:
        """All matches, overlapping ones too, by their start and then by their length."""
        folded = text.translate(self._fold)
        prefixes, kinds = self.trie.iter_prefixes_with_ids, self._kinds
        return [
            Match(start, start + len(entry), kinds[number])
            for start in range(len(folded) - 1)
            for entry, number in prefixes(folded[start : start + MAX_ENTRY])
        ]


def kinds_of(names: Iterable[str], order: tuple[str, ...]) -> int:
    """The bits of some kinds, given the names of all kinds in order."""
    return sum(1 << order.index(name) for name in names)
