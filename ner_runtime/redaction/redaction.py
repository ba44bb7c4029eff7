"""Redact a text: replace its entities, and what the patterns find, by the operator of its type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ner_runtime.entities import Entity
from ner_runtime.redaction.findings import (
    Finding,
    FindingSource,
    entity_finding,
    pattern_finding,
    without_overlaps,
)
from ner_runtime.redaction.operators import (
    Hash,
    Keep,
    Mask,
    Operator,
    OperatorName,
    Operators,
    Replace,
    masked,
)
from ner_runtime.redaction.patterns import PatternName, find_patterns
from ner_runtime.redaction.placeholders import PLACEHOLDER, Placeholders


@dataclass(frozen=True, slots=True)
class Replacement:
    """A replaced string. Offsets count code points, end exclusive.

    type: type of the entity, or name of the pattern
    span: the original: `text[start:end]`
    start, end: offsets in the original text
    replacement: the string in its place: `redacted[redacted_start:redacted_end]`
    redacted_start, redacted_end: offsets in the redacted text
    source: what found it
    operator: what replaced it
    score: score of the entity; None for a pattern
    """

    type: str
    span: str
    start: int
    end: int
    replacement: str
    redacted_start: int
    redacted_end: int
    source: FindingSource
    operator: OperatorName
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Redaction:
    """A redacted text and its replacements, sorted by offset."""

    text: str
    replacements: list[Replacement]


def redact_entities(
    text: str, entities: Iterable[Entity], operators: Operators, patterns: Iterable[PatternName]
) -> Redaction:
    """Replace the entities of a text, and what the patterns find in it.

    A finding whose operator is `keep` is ignored, even if another finding overlaps it.
    """
    found = [*map(entity_finding, entities), *map(pattern_finding, find_patterns(text, patterns))]
    found = [finding for finding in found if not isinstance(operators.of(finding.type), Keep)]
    findings = without_overlaps(text, found)
    placeholders = Placeholders()
    redaction = _replace(text, findings, operators, placeholders)
    foreign = _foreign_placeholders(redaction, placeholders)
    if foreign & placeholders.used:
        # The text as sent has a string such as <PER_1>. Its number is skipped: a placeholder stands for one original.
        redaction = _replace(text, findings, operators, Placeholders(foreign))
    return redaction


def _replace(text: str, findings: Sequence[Finding], operators: Operators, placeholders: Placeholders) -> Redaction:
    parts: list[str] = []
    replacements: list[Replacement] = []
    end = length = 0
    for finding in findings:
        span = text[finding.start : finding.end]
        operator = operators.of(finding.type)
        replacement = _replacement(finding.type, span, operator, operators, placeholders)
        parts += text[end : finding.start], replacement
        start = length + finding.start - end
        end, length = finding.end, start + len(replacement)
        replacements.append(
            Replacement(
                finding.type,
                span,
                finding.start,
                finding.end,
                replacement,
                start,
                length,
                finding.source,
                operator.type,
                finding.score,
            )
        )
    return Redaction("".join([*parts, text[end:]]), replacements)


def _foreign_placeholders(redaction: Redaction, placeholders: Placeholders) -> frozenset[str]:
    """Return the strings in the redacted text that look like placeholders, but are not."""
    own = {one.redacted_start for one in redaction.replacements if one.replacement in placeholders.used}
    return frozenset(match[0] for match in PLACEHOLDER.finditer(redaction.text) if match.start() not in own)


def _replacement(type_: str, span: str, operator: Operator, operators: Operators, placeholders: Placeholders) -> str:
    match operator:
        case Replace(value=None):
            return placeholders.of(type_, span)
        case Replace(value=str(value)):
            return value
        case Mask():
            return masked(operator, span)
        case Hash():
            return operators.hashed(operator, span)
        case _:
            return ""
