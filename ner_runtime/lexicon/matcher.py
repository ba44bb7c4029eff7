"""Find every occurrence of every lexicon entry in a text.

Entries are kept in a MARISA trie (Yata, 2011): 900,000 entries take 3 MB, both on disk and in memory, and load
in milliseconds. An entry has one or more of at most 16 kinds; each kind is one bit.
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
"""Length of the longest entry, in characters. Longer entries are not matched."""

Kinds = NDArray[np.uint16]

# The trie works on UTF-8, which cannot represent a lone surrogate. No entry contains one.
_NO_SURROGATES: Table = dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)


class Match(NamedTuple):
    """An entry at code points `start` to `end` (exclusive); `kinds` has one bit set for each kind of the entry."""

    start: int
    end: int
    kinds: int


class Matcher:
    """Finds the entries of a lexicon. Safe to use from several threads."""

    def __init__(self, trie: Any, kinds: Kinds, table: Table) -> None:
        """Build a matcher from its parts.

        Args:
            trie: the folded entries, a `marisa_trie.Trie`
            kinds: (entries,), the kinds of each entry, indexed by its number in the trie
            table: how texts are folded
        """
        self.trie = trie
        self.kinds = kinds
        self.table = table
        self._fold = _NO_SURROGATES | table
        # An array takes a fifth of the memory of a list, and is faster to index than a NumPy array.
        self._kinds = array("H", kinds.astype(np.uint16).tobytes())

    @classmethod
    def build(cls, entries: Mapping[str, int], table: Table) -> Matcher:
        """Build a matcher from entries and their kinds.

        Entries with the same folded form are merged into one entry with all their kinds. Entries of fewer
        than two characters or more than `MAX_ENTRY` are left out.
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
        """Return all matches, overlapping ones included, sorted by start and then by length."""
        folded = text.translate(self._fold)
        prefixes, kinds = self.trie.iter_prefixes_with_ids, self._kinds
        return [
            Match(start, start + len(entry), kinds[number])
            for start in range(len(folded) - 1)
            for entry, number in prefixes(folded[start : start + MAX_ENTRY])
        ]


def kinds_of(names: Iterable[str], order: tuple[str, ...]) -> int:
    """Return the bits of the kinds `names`; `order` is the names of all kinds, in the order of their bits."""
    return sum(1 << order.index(name) for name in names)
