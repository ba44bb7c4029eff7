"""Repair spans that break the rules for the edges and the inside of an entity.

1. A span does not begin or end with white space, or with a zero-width, control or replacement character, or with a lone
   surrogate. A span that contains nothing else is dropped.
2. A span contains both marks of a pair (brackets, quotes, book-title marks) or neither. Full-width and half-width forms
   are different pairs.
3. A span does not contain a part of the text that the caller excludes, such as markup; see `markup/prepared.py`.

A span that breaks a rule is repaired in one of these ways:

- Trimmed, if the fault is at its edge: `1980年）` becomes `1980年`. Its type and score stay the same.
- Extended by one mark, if the span contains an opening mark and the closing mark follows it directly:
  `北京大学（深圳研究院` becomes `北京大学（深圳研究院）`. Its type and score stay the same.
- Split otherwise: `广州市】中国银行` becomes `广州市` and `中国银行`. The model decodes each part on its own and
  gives each span in it a new type and score. A part in which it finds no span is dropped.

Other spans are unchanged.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from ner_runtime.inference.spans import Span

Interval = tuple[int, int]
"""Positions `start` to `end` (exclusive) of a text. An empty interval is the gap before `start`."""

DecodePart = Callable[[int, int], Sequence[Span] | None]
"""Decodes a part of a text on its own and returns its spans in positions of the text; None: the part is not decoded."""

_PAIRS = """
（） () ﹙﹚ ︵︶ 《》 ︽︾ 〈〉 ︿﹀ \u2329\u232a 【】 ︻︼ 「」 ｢｣ ﹁﹂
『』 ﹃﹄ 〔〕 ﹝﹞ ︹︺ [] ［］ ﹇﹈ {} ｛｝ ﹛﹜ ︷︸ “” ‘’
"""
PAIRS = tuple(_PAIRS.split())
"""Opening and closing mark of each pair, with their full-width, half-width, small and vertical forms."""
QUOTES = '"＂'
"""Quotation marks that are the same character at both ends."""

_CLOSING = {pair[0]: pair[1] for pair in PAIRS}
_OPENING = {pair[1]: pair[0] for pair in PAIRS}
_PAIR_MARKS = frozenset("".join(PAIRS) + QUOTES)
# Zero-width or blank characters that are not white space, control or format characters (categories Zs, Cc, Cf).
# Source: Unicode 16, DerivedCoreProperties.txt, Default_Ignorable_Code_Point.
_ZERO_WIDTH = (
    *((0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065)),
    *((0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF)),
)
# U+FFFC and U+FFFD stand for an object or for bytes that the text has lost.
_REPLACEMENTS = "\ufffc\ufffd"


@lru_cache(maxsize=4096)
def is_invisible(character: str) -> bool:
    """Return whether a character is white space, a control, zero-width or replacement character, or a surrogate."""
    if character.isspace() or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp"):
        return True
    return character in _REPLACEMENTS or any(first <= ord(character) <= last for first, last in _ZERO_WIDTH)


def repair_spans(
    text: str,
    spans: Sequence[Span],
    excluded: Sequence[Interval] = (),
    decode_part: DecodePart | None = None,
    *,
    unwrap: bool = False,
) -> list[Span]:
    """Repair the spans that break a rule.

    Args:
        text: the text that the spans refer to
        spans: sorted and disjoint
        excluded: parts of the text that must not be inside a span, sorted and disjoint; an empty one is a gap
        decode_part: decodes each part of a span that is split; without it, or if it returns None, the part keeps the
            type and the score of the span
        unwrap: remove a pair of marks that encloses a whole span: `【广州市】` becomes `广州市`

    Returns:
        Sorted and disjoint spans.
    """
    repaired: list[Span] = []
    for index, span in enumerate(spans):
        if is_clean(text, span.start, span.end, excluded):
            repaired.append(span)
            continue
        limit = spans[index + 1].start if index + 1 < len(spans) else len(text)
        parts = _repaired(text, span, limit, excluded, decode_part)
        repaired.extend(_unwrapped(text, part) for part in parts) if unwrap else repaired.extend(parts)
    return repaired


def is_clean(text: str, start: int, end: int, excluded: Sequence[Interval] = ()) -> bool:
    """Return whether a span meets the rules for certain. This fast check is enough for most spans."""
    if is_invisible(text[start]) or is_invisible(text[end - 1]) or not _PAIR_MARKS.isdisjoint(text[start:end]):
        return False
    return not excluded or not excluded_between(excluded, start, end)


def excluded_between(excluded: Sequence[Interval], start: int, end: int) -> list[Interval]:
    """Cut sorted intervals to the part `start` to `end` of a text, and return them in positions of that part.

    An empty interval at an edge of the part is left out.
    """
    if not excluded:
        return []
    first = max(bisect_left(excluded, (start, start)) - 1, 0)
    return [
        (max(left, start) - start, min(right, end) - start)
        for left, right in excluded[first : bisect_left(excluded, (end, 0))]
        if (right > start if right > left else left > start)
    ]


def _unwrapped(text: str, span: Span) -> Span:
    """Remove the pairs of marks that enclose a whole span, and white space inside them."""
    while span.end - span.start > 2 and _encloses(text[span.start : span.end]):
        inner = _trim(text, replace(span, start=span.start + 1, end=span.end - 1), ())
        if inner.start == inner.end:
            return span
        span = inner
    return span


def _encloses(text: str) -> bool:
    """Return whether the first and the last character are a pair that belongs together, unlike in `（一）和（二）`."""
    paired = _CLOSING.get(text[0]) == text[-1] or (text[0] in QUOTES and text[0] == text[-1])
    return paired and not unpaired_marks(text[1:-1])


def repair_or_parts(
    text: str, spans: Sequence[Span], excluded: Sequence[Interval] = (), *, unwrap: bool = False
) -> tuple[list[Span], list[Interval]]:
    """Repair spans without decoding parts.

    Returns:
        The repaired spans, and the parts for which `repair_spans` calls `decode_part`, so that they can be decoded in a
        batch. If there are any, their spans are missing.
    """
    parts: list[Interval] = []

    def note(start: int, end: int) -> Sequence[Span]:
        parts.append((start, end))
        return []

    return repair_spans(text, spans, excluded, note, unwrap=unwrap), parts


def unpaired_marks(text: str) -> list[int]:
    """Return the positions of marks that have no partner in `text`, sorted."""
    unpaired: list[int] = []
    opened: list[int] = []
    for position, character in enumerate(text):
        if character in _OPENING:
            if opened and text[opened[-1]] == _OPENING[character]:
                opened.pop()
            elif not _is_apostrophe(text, position):
                unpaired.append(position)
        elif character in QUOTES and opened and text[opened[-1]] == character:
            opened.pop()
        elif character in _CLOSING or character in QUOTES:
            opened.append(position)
    return sorted(unpaired + opened)


def _is_apostrophe(text: str, position: int) -> bool:
    """Return whether U+2019 stands between two Latin letters, as in `D’Angelo`."""
    around = text[position - 1 : position] + text[position + 1 : position + 2]
    return text[position] == "’" and len(around) == 2 and all(_is_latin(letter) for letter in around)


def _is_latin(letter: str) -> bool:
    return letter.isalpha() and letter < "\u0250"


def _repaired(
    text: str, span: Span, limit: int, excluded: Sequence[Interval], decode_part: DecodePart | None
) -> Iterator[Span]:
    """Yield the repaired parts of one span, which may be extended up to `limit`."""
    faults: list[Interval] = []
    while span.start < span.end:
        faults = _faults(text, span, excluded)
        trimmed = _trim(text, span, faults)
        if trimmed == span:
            break
        span = trimmed
    if span.start == span.end:
        return
    if not faults:
        yield span
        return
    extended = _extend(text, span, limit)
    if extended and not _faults(text, extended, excluded):
        yield extended
        return
    for start, end in _parts(span, faults):
        decoded = decode_part(start, end) if decode_part else None
        parts = [replace(span, start=start, end=end)] if decoded is None else decoded
        for index, part in enumerate(parts):
            part_limit = parts[index + 1].start if index + 1 < len(parts) else end
            yield from _repaired(text, part, part_limit, excluded, decode_part)


def _faults(text: str, span: Span, excluded: Sequence[Interval]) -> list[Interval]:
    """Return what must not be inside the span, sorted: unpaired marks and excluded parts."""
    marks = [(mark, mark + 1) for mark in unpaired_marks(text[span.start : span.end])]
    faults = sorted({*marks, *excluded_between(excluded, span.start, span.end)})
    return [(span.start + start, span.start + end) for start, end in faults]


def _trim(text: str, span: Span, faults: Iterable[Interval]) -> Span:
    """Remove invisible characters and faults from the edges of a span."""
    positions = {position for start, end in faults for position in range(start, end)}
    start, end = span.start, span.end
    while start < end and (start in positions or is_invisible(text[start])):
        start += 1
    while start < end and (end - 1 in positions or is_invisible(text[end - 1])):
        end -= 1
    return replace(span, start=start, end=end)


def _extend(text: str, span: Span, limit: int) -> Span | None:
    """Add the mark that follows the span if it closes the last unpaired mark of the span."""
    if span.end >= limit:
        return None
    unpaired = unpaired_marks(text[span.start : span.end])
    if not unpaired:
        return None
    opening = text[span.start + unpaired[-1]]
    return replace(span, end=span.end + 1) if text[span.end] == _CLOSING.get(opening, opening) else None


def _parts(span: Span, faults: Iterable[Interval]) -> Iterator[Interval]:
    """Yield the parts of a span between its faults."""
    start = span.start
    for fault_start, fault_end in faults:
        if fault_start > start:
            yield start, fault_start
        start = max(start, fault_end)
    if start < span.end:
        yield start, span.end
