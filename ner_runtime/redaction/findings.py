"""Findings: the strings to replace, from entities and patterns, without overlaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ner_runtime.entities import Entity, EntitySource
from ner_runtime.redaction.patterns import Match

FindingSource = EntitySource | Literal["pattern"]
"""What found a string."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A string to replace: offsets in code points, end exclusive. `score` is that of the entity."""

    type: str
    start: int
    end: int
    source: FindingSource
    score: float | None = None

    @property
    def length(self) -> int:
        """Length in code points."""
        return self.end - self.start


def entity_finding(entity: Entity) -> Finding:
    """Make a finding from an entity."""
    return Finding(entity.type, entity.start, entity.end, entity.source, entity.score)


def pattern_finding(match: Match) -> Finding:
    """Make a finding from a match of a pattern."""
    return Finding(match.type, match.start, match.end, "pattern")


def without_overlaps(text: str, findings: Iterable[Finding]) -> list[Finding]:
    """Return findings that do not overlap, sorted by offset.

    The longest finding wins; of two of equal length, that of a pattern, then the one that begins first. The
    parts of the others that are outside it stay findings, so that every character that was found is replaced.
    """
    taken = bytearray(len(text))
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda one: (-one.length, one.source != "pattern", one.start)):
        kept += _free_parts(text, finding, taken)
        taken[finding.start : finding.end] = b"\x01" * finding.length
    return sorted(kept, key=lambda one: one.start)


def _free_parts(text: str, finding: Finding, taken: Sequence[int]) -> Iterable[Finding]:
    """Yield the parts of a finding that are not taken, without white space around them."""
    start = finding.start
    while start < finding.end:
        if taken[start]:
            start += 1
            continue
        end = start
        while end < finding.end and not taken[end]:
            end += 1
        part = text[start:end]
        stripped = part.strip()
        if len(part) == finding.length:
            yield finding
        elif any(map(str.isalnum, stripped)):
            first = start + len(part) - len(part.lstrip())
            yield replace(finding, start=first, end=first + len(stripped))
        start = end
