"""A user lexicon: names that are entities, are not entities, or are more likely entities.

The occurrences of all entries are found with Aho-Corasick automata (Aho and Corasick 1975) in time linear in the length
of the text, for any entries. The model's own lexicon (`matcher.py`) is different: it is built once, is a file of
the model, and all its matches are needed, overlapping ones included.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, cast

import marisa_trie

from ner_runtime.errors import InvalidLexicon, InvalidValue
from ner_runtime.lexicon.user.compiler import Meaning, Patterns, compile_columns
from ner_runtime.lexicon.user.entries import Entry, Mode
from ner_runtime.lexicon.user.patterns import FOLDING, FoldedText, pattern
from ner_runtime.lexicon.user.reader import EntryColumns, InvalidEntry, columns_of, read_columns, specification_of
from ner_runtime.lexicon.user.report import LexiconReport
from ner_runtime.lexicon.user.search import Found, Search


class Occurrence(NamedTuple):
    """An occurrence of an entry at code points `start` to `end` (exclusive).

    `weight` is the weight of a hint; `contextual` tells whether the entry has a context.
    """

    start: int
    end: int
    type: str
    mode: Mode
    weight: float = 0.0
    contextual: bool = False


class _Occurrences:
    """Finds the leftmost-longest occurrences of the entries of one mode."""

    def __init__(self, mode: Mode, patterns: Patterns, *, contextual: bool) -> None:
        self._mode: Mode = mode
        self._patterns = patterns
        self._contextual = contextual
        texts, patterns.texts = patterns.texts, []
        self._search = Search(texts, FOLDING)

    def find(self, text: FoldedText) -> Iterable[Occurrence]:
        """Return the occurrences in a text, sorted."""
        found = self._search.find(text)
        return self._occurrences(text, found) if found else ()

    def _occurrences(self, text: FoldedText, found: Iterable[Found]) -> Iterator[Occurrence]:
        for number, begin, stop in found:
            start, end = text.offset(begin), text.offset(stop)
            for meaning in self._patterns.meanings(number):
                if not self._contextual or meaning.fits(text.folded, start, end):
                    yield Occurrence(start, end, meaning.type, self._mode, meaning.weight, self._contextual)


class _ForbiddenTexts:
    """The texts that are not entities, and of which types."""

    def __init__(self, patterns: Patterns) -> None:
        # A trie takes a tenth of the memory of a dictionary.
        self._trie = marisa_trie.Trie(patterns.texts)
        self._patterns = patterns
        self._numbers = array("I", bytes(4 * len(patterns.texts)))
        for number, text in enumerate(patterns.texts):
            self._numbers[self._trie[text]] = number
        patterns.texts = []

    def meanings(self, text: str) -> tuple[Meaning, ...]:
        number = cast("int | None", self._trie.get(pattern(text)))
        return () if number is None else self._patterns.meanings(self._numbers[number])


class Lexicon:
    """A compiled lexicon. It does not change, and is safe to use from several threads.

    Attributes:
        digest: identifies the entries, regardless of their order: 16 hexadecimal digits
        report: how many entries are used, and which lines have faults
        types: the types of the entries with the modes `prefer` and `force`, sorted
        colors: the colours that entries give to types
    """

    def __init__(self, columns: EntryColumns, report: LexiconReport) -> None:
        """Compile checked entries, and complete the report. Use `from_file` or `from_entries`."""
        patterns, self.digest, self.types, self.colors = compile_columns(columns, report)
        self.report = report
        self._forbidden = [_ForbiddenTexts(own) for (mode, _), own in patterns.items() if mode == "forbid"]
        self._automata = [
            _Occurrences(mode, own, contextual=contextual)
            for (mode, contextual), own in patterns.items()
            if mode != "forbid"
        ]

    @classmethod
    def from_file(cls, path: Path | str) -> Lexicon:
        """Read a lexicon file; see `reader.py` for its format. Lines with faults are left out and reported.

        Raises:
            InvalidLexicon: the file cannot be read, is not UTF-8, or has lines but no entry.
        """
        report = LexiconReport()
        columns = read_columns(Path(path), report)
        if report.bad and not columns.texts:
            number, fault = report.bad[0]
            raise InvalidLexicon(f"{path} has no valid entry; line {number}: {fault}")
        return cls(columns, report)

    @classmethod
    def from_entries(cls, entries: Iterable[Entry]) -> Lexicon:
        """Compile entries.

        Raises:
            InvalidValue: an entry has a value that is not allowed.
        """
        try:
            columns = columns_of((entry.text, specification_of(entry)) for entry in entries)
        except InvalidEntry as error:
            raise InvalidValue(str(error)) from None
        return cls(columns, LexiconReport())

    def __len__(self) -> int:
        return self.report.taken

    @property
    def forbids(self) -> bool:
        """Whether the lexicon has entries with the mode `forbid`."""
        return bool(self._forbidden)

    def find(self, text: FoldedText) -> list[Occurrence]:
        """Return the occurrences of the entries with the modes `prefer`, `force` and `hint`.

        Among the entries of one mode, and separately among those with a context, the occurrences do not overlap: the
        leftmost one is chosen, and of those that begin there the longest.
        """
        return [occurrence for automaton in self._automata for occurrence in automaton.find(text)]

    def forbidden(self, text: FoldedText, start: int, end: int) -> list[Occurrence]:
        """Return the entries with the mode `forbid` whose text is exactly `start` to `end` of a text."""
        return [
            Occurrence(start, end, meaning.type, "forbid", contextual=bool(meaning.left or meaning.right))
            for texts in self._forbidden
            for meaning in texts.meanings(text.folded[start:end])
            if meaning.fits(text.folded, start, end)
        ]


def merged_colors(lexicons: Iterable[Lexicon]) -> Mapping[str, str]:
    """Return the colours of all lexicons; the first lexicon that gives a colour to a type decides."""
    colors: dict[str, str] = {}
    for lexicon in lexicons:
        colors = {**lexicon.colors, **colors}
    return colors
