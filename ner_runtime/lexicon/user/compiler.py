"""Compile entries: sort them by text, leave out duplicates and conflicts, and group the others by mode."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import eq
from typing import NamedTuple

from ner_runtime.lexicon.user.entries import ANY_TYPE, HINT_WEIGHT, Mode
from ner_runtime.lexicon.user.patterns import EDGE, fold, pattern
from ner_runtime.lexicon.user.reader import EntryColumns, Specification
from ner_runtime.lexicon.user.report import LexiconReport

_DIGEST_BYTES = 8
# A letter or a digit, between two edge marks.
_MAX_ONE_CHARACTER = 1 + 2 * len(EDGE)


class Meaning(NamedTuple):
    """What an entry says about its text: the type, the weight, and the contexts that it needs."""

    type: str
    weight: float
    left: str
    right: str

    def fits(self, text: str, start: int, end: int) -> bool:
        """Return whether the contexts stand around `start` to `end` in a folded text."""
        return text.endswith(self.left, 0, start) and text.startswith(self.right, end)


class Patterns:
    """The distinct texts of some entries, sorted, and the meanings of each."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._meanings: list[tuple[Meaning, ...]] = []
        self._indices: dict[tuple[Meaning, ...], int] = {}
        self._meaning = array("I")

    def index(self, meanings: tuple[Meaning, ...]) -> int:
        """Return the index of some meanings; the same meanings always have the same one."""
        index = self._indices.get(meanings)
        if index is None:
            index = self._indices[meanings] = len(self._meanings)
            self._meanings.append(meanings)
        return index

    def add(self, texts: Sequence[str], meanings: Sequence[int]) -> None:
        """Add texts, which must follow the others in sorting order, and the index of the meanings of each."""
        self.texts += texts
        self._meaning.extend(meanings)

    def meanings(self, text: int) -> tuple[Meaning, ...]:
        """Return the meanings of a text, by its index."""
        return self._meanings[self._meaning[text]]


Group = tuple[Mode, bool]
"""The entries of one automaton: those of one mode, with or without a context."""


class Compiled(NamedTuple):
    """The distinct entries of a lexicon by group, and what `Lexicon` says about them."""

    patterns: dict[Group, Patterns]
    digest: str
    types: tuple[str, ...]
    colors: dict[str, str]


class _Specified(NamedTuple):
    """A specification as it is compiled."""

    mode: Mode
    meaning: Meaning
    color: str | None

    @property
    def group(self) -> Group:
        return self.mode, bool(self.meaning.left or self.meaning.right)


def compile_columns(columns: EntryColumns, report: LexiconReport) -> Compiled:
    """Sort the entries by text, leave out duplicates and conflicts, and group the others by mode."""
    folded = pattern("\n".join(columns.texts)).split("\n") if columns.texts else []
    columns.texts = []
    order = sorted(range(len(folded)), key=folded.__getitem__)
    specified = _specified(columns.specifications)
    patterns = dict[Group, Patterns]()
    for one in specified:
        patterns.setdefault(one.group, Patterns())
    taken, taken_numbers = [folded[number] for number in order], order
    if any(map(eq, taken, islice(taken, 1, None))):
        taken, taken_numbers = [], []
        for text, numbers in _same_text(order, folded):
            kept = numbers if len(numbers) == 1 else _distinct(numbers, columns, specified, report)
            _add_several(text, [specified[columns.specification_of[number]] for number in kept], patterns)
            taken += [text] * len(kept)
            taken_numbers += kept
        taken_specifications = array("I", [columns.specification_of[number] for number in taken_numbers])
    else:
        taken_specifications = array("I", [columns.specification_of[number] for number in order])
        _add_distinct(taken, taken_specifications, specified, patterns)
    report.taken = len(taken)
    report.one_character = [
        columns.lines[number]
        for text, number in zip(taken, taken_numbers, strict=True)
        if len(text) <= _MAX_ONE_CHARACTER and (len(text) == 1 or text[0] == text[-1] == EDGE)
    ]
    for lines in (report.duplicates, report.conflicts, report.one_character):
        lines.sort()
    used = sorted({specified[index] for index in set(taken_specifications)}, key=repr)
    rank_of = {one: rank for rank, one in enumerate(used)}
    ranks = [rank_of.get(one, 0) for one in specified]
    digest = hashlib.blake2b("\n".join(taken).encode(), digest_size=_DIGEST_BYTES)
    digest.update(array("I", [ranks[index] for index in taken_specifications]).tobytes())
    digest.update(repr(used).encode())
    types = {one.meaning.type for one in used if one.mode in ("prefer", "force")}
    colors: dict[str, str] = {}
    for one in used:
        if one.color:
            colors.setdefault(one.meaning.type, one.color)
    filled = {group: own for group, own in patterns.items() if own.texts}
    return Compiled(filled, digest.hexdigest(), tuple(sorted(types)), colors)


def _specified(specifications: Sequence[Specification]) -> list[_Specified]:
    return [
        _Specified(mode, Meaning(type_, _weight(mode, weight), fold(left), fold(right)), color)
        for type_, mode, weight, left, right, color in specifications
    ]


def _weight(mode: Mode, weight: float | None) -> float:
    if mode != "hint":
        return 0.0
    return HINT_WEIGHT if weight is None else weight


def _same_text(order: Sequence[int], folded: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    """Yield each text and the numbers of its entries."""
    numbers: list[int] = []
    previous = ""
    for number in order:
        if folded[number] != previous and numbers:
            yield previous, numbers
            numbers = []
        previous = folded[number]
        numbers.append(number)
    if numbers:
        yield previous, numbers


def _distinct(
    numbers: Iterable[int], columns: EntryColumns, specified: Sequence[_Specified], report: LexiconReport
) -> list[int]:
    """Return those of the entries of one text that neither repeat nor contradict an earlier one, by specification."""
    kept: list[int] = []
    taken: list[_Specified] = []
    for number in numbers:
        one = specified[columns.specification_of[number]]
        if any((one.mode, one.meaning) == (other.mode, other.meaning) for other in taken):
            report.duplicates.append(columns.lines[number])
        elif any(_contradict(one.mode, one.meaning, other.mode, other.meaning) for other in taken):
            report.conflicts.append(columns.lines[number])
        else:
            kept.append(number)
            taken.append(one)
    # The digest does not depend on the order of the entries.
    return sorted(kept, key=lambda number: repr(specified[columns.specification_of[number]]))


def _add_distinct(
    texts: list[str], specifications: Sequence[int], specified: Sequence[_Specified], patterns: Mapping[Group, Patterns]
) -> None:
    """Add texts that have one entry each."""
    for group, own in patterns.items():
        meanings = [own.index((one.meaning,)) if one.group == group else -1 for one in specified]
        own_meanings = [meanings[index] for index in specifications]
        own_texts: Sequence[str] = texts
        if len(patterns) > 1:
            own_texts = [text for text, index in zip(texts, own_meanings, strict=True) if index >= 0]
            own_meanings = [index for index in own_meanings if index >= 0]
        own.add(own_texts, own_meanings)


def _add_several(text: str, entries: Iterable[_Specified], patterns: Mapping[Group, Patterns]) -> None:
    meanings: dict[Group, list[Meaning]] = {}
    for one in entries:
        meanings.setdefault(one.group, []).append(one.meaning)
    for group, own in meanings.items():
        patterns[group].add([text], [patterns[group].index(tuple(own))])


def _contradict(mode: Mode, meaning: Meaning, other_mode: Mode, other: Meaning) -> bool:
    """Return whether two entries of the same text, which differ, say different things about the same occurrences."""
    if (meaning.left, meaning.right) != (other.left, other.right):
        return False
    if "hint" in (mode, other_mode):
        return mode == other_mode and meaning.type == other.type
    if mode == other_mode == "forbid":
        return False
    if "forbid" in (mode, other_mode):
        return meaning.type == other.type or ANY_TYPE in (meaning.type, other.type)
    return True
