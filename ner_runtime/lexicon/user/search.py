"""Find the leftmost-longest occurrences of strings in texts, in time linear in the length of the text.

To build an Aho-Corasick automaton takes longer than to search a short text for each of a few strings. A lexicon in a
request is often used for one short text. An automaton of few strings is therefore built only after some searches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from ner_runtime.lexicon.user.alphabet import alphabet_of
from ner_runtime.lexicon.user.patterns import FoldedText

Found = tuple[int, int, int]
"""Index of a string, and where it occurs: start and end (exclusive)."""

# Recoding fewer strings would save nothing.
_MIN_RECODED = 2_000
# With more strings, or after searching more characters, an automaton is faster.
_MAX_SCANNED = 128
_MAX_SCANNED_CHARACTERS = 1_000


class Search:
    """Finds strings in texts. Safe to use from several threads."""

    def __init__(self, strings: Sequence[str], folding: Mapping[int, int]) -> None:
        """Prepare the search for sorted, distinct strings; for `folding`, see `Alphabet`."""
        self._alphabet = alphabet_of(strings, folding) if len(strings) >= _MIN_RECODED else None
        self._strings: Sequence[str] = ()
        self._searched = 0
        self._automaton = None
        if len(strings) <= _MAX_SCANNED:
            self._strings = strings
        else:
            self._automaton = _automaton(strings if self._alphabet is None else self._alphabet.recode_all(strings))

    def find(self, text: FoldedText) -> Sequence[Found]:
        """Return the occurrences in `text.marked`, sorted and disjoint."""
        marked = text.marked if self._alphabet is None else self._alphabet.recode(text.unfolded)
        automaton = self._automaton
        if automaton is None:
            self._searched += len(marked)
            if self._searched <= _MAX_SCANNED_CHARACTERS:
                return _scan(self._strings, marked)
            # Two threads may both build it.
            automaton = self._automaton = _automaton(self._strings)
        return automaton.find_matches_as_indexes(marked)


def _automaton(strings: Sequence[str]) -> AhoCorasick:
    # Sorted strings are added in a third of the time, because neighbours share their states.
    return AhoCorasick(
        strings,
        matchkind=MatchKind.LeftmostLongest,
        store_patterns=False,
        implementation=Implementation.ContiguousNFA,
    )


def _scan(strings: Sequence[str], text: str) -> list[Found]:
    """Find the occurrences by searching for one string after the other."""
    found: list[tuple[int, int, int]] = []  # start, minus end, index
    characters = frozenset(text)
    for index, string in enumerate(strings):
        if string[0] in characters:
            start = text.find(string)
            while start >= 0:
                found.append((start, -start - len(string), index))
                start = text.find(string, start + 1)
    if not found:
        return []
    # The leftmost occurrence comes first, and of those that begin there the longest.
    found.sort()
    chosen: list[Found] = []
    reached = 0
    for start, minus_end, index in found:
        if start >= reached:
            reached = -minus_end
            chosen.append((index, start, reached))
    return chosen
