"""Entities, their offsets and their colours.

Offsets count Unicode code points of the text as given; the end is exclusive, so that `text[start:end] == span`.
`utf16_offsets` converts them to UTF-16 code units, the unit of strings in JavaScript, Java and C#.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

TYPE_COLORS: Mapping[str, str] = {"PER": "red", "LOC": "cyan", "ORG": "yellow"}
OTHER_COLOR = "white"

EntitySource = Literal["model", "lexicon"]
"""What determines an entity: the model, or an entry of a lexicon."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A named entity in a text.

    `score` is the marginal probability of the whole span under the CRF, between 0 and 1.
    """

    type: str
    span: str
    start: int
    end: int
    score: float
    source: EntitySource = "model"


@dataclass(frozen=True, slots=True)
class Recognition:
    """The entities of one text, and the number of windows that the text was split into."""

    entities: list[Entity]
    windows: int


def at_least(entities: Iterable[Entity], min_score: float) -> list[Entity]:
    """Return the entities with at least the score `min_score`, and all entities that a lexicon determines."""
    return [entity for entity in entities if entity.score >= min_score or entity.source == "lexicon"]


def selected(entities: Iterable[Entity], types: frozenset[str], *, every_entry: bool) -> list[Entity]:
    """Return the entities of some types; with `every_entry`, also all entities that a lexicon determines."""
    return [entity for entity in entities if entity.type in types or (every_entry and entity.source == "lexicon")]


def type_colors(types: Iterable[str], configured: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the colour of each type: the model's colour if it has one, else the default colour, else white."""
    known = {**TYPE_COLORS, **(configured or {})}
    return {type_: known.get(type_, OTHER_COLOR) for type_ in types}


def utf16_offsets(text: str) -> list[int]:
    """Return the UTF-16 offset of each code point of `text` and of the end of `text`: `len(text) + 1` numbers."""
    return list(accumulate((2 if ord(char) > 0xFFFF else 1 for char in text), initial=0))
