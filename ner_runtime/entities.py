"""Entity: one name found in a text, and the colours that entity types are shown in.

Offsets count Unicode code points of the text as given, end exclusive, so that `text[start:end] == span`.
`utf16_offsets` restates them in UTF-16 code units, which is what JavaScript, Java and C# count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

TYPE_COLORS: Mapping[str, str] = {"PER": "red", "LOC": "cyan", "ORG": "yellow"}
OTHER_COLOR = "white"


@dataclass(frozen=True, slots=True)
class Entity:
    """A name in a text.

    `score` is the CRF's marginal probability of the whole span, between 0 and 1.
    """

    type: str
    span: str
    start: int
    end: int
    score: float


def type_colors(types: Iterable[str], configured: Mapping[str, str] | None = None) -> dict[str, str]:
    """The colour of each type: as configured by the model, else the house's, else white."""
    known = {**TYPE_COLORS, **(configured or {})}
    return {type_: known.get(type_, OTHER_COLOR) for type_ in types}


def utf16_offsets(text: str) -> list[int]:
    """Offset in UTF-16 code units of each code point of `text`, and of its end: `len(text) + 1` numbers."""
    return list(accumulate((2 if ord(char) > 0xFFFF else 1 for char in text), initial=0))
