"""Report of loading a lexicon: how many entries are used, and which lines have faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

# A summary lists at most this many line numbers of each kind.
_SHOWN = 5


@dataclass(slots=True)
class LexiconReport:
    """The result of loading a lexicon. Line numbers start at 1.

    Attributes:
        taken: number of entries of the lexicon
        bad: line number and fault of each line that was left out because it is not an entry
        duplicates: lines that were left out because they repeat an earlier entry
        conflicts: lines that were left out because they contradict an earlier entry with the same text
        one_character: lines with an entry of one character; they are used, but also match inside longer words
    """

    taken: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    duplicates: list[int] = field(default_factory=list[int])
    conflicts: list[int] = field(default_factory=list[int])
    one_character: list[int] = field(default_factory=list[int])

    @property
    def clean(self) -> bool:
        """Whether every line was understood and no two lines contradict each other."""
        return not self.bad and not self.conflicts

    def lines(self) -> Iterator[str]:
        """Yield one line of text per bad line and per other kind of fault."""
        for number, fault in self.bad:
            yield f"line {number}: {fault}"
        if self.conflicts:
            yield f"{_listed(self.conflicts)}: left out because of an earlier, contradictory line with the same text"
        if self.duplicates:
            yield f"{_listed(self.duplicates)}: left out because an earlier line has the same entry"
        if self.one_character:
            yield f"{_listed(self.one_character)}: an entry of one character also matches inside longer words"

    @property
    def size(self) -> str:
        """The number of entries in words: `1 entry`, `2 entries`."""
        return _counted(self.taken, "entry", "entries")

    def summary(self) -> str:
        """Return the number of entries and of faults as one line."""
        counts = (
            (len(self.bad), "bad line", "bad lines"),
            (len(self.duplicates), "duplicate", "duplicates"),
            (len(self.conflicts), "conflict", "conflicts"),
            (len(self.one_character), "of one character", "of one character"),
        )
        parts = [self.size, *(_counted(count, one, many) for count, one, many in counts if count)]
        first = f"; line {self.bad[0][0]}: {self.bad[0][1]}" if self.bad else ""
        return ", ".join(parts) + first


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _listed(lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:_SHOWN]))
    more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return f"line{'s' if len(lines) > 1 else ''} {shown}{more}"
