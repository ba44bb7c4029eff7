"""Convert occurrences of lexicon entries into a bias on the emissions of a window.

The bias of a tag that is not allowed is minus infinity, so that the best path cannot contain it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner_runtime.lexicon.user.entries import ANY_TYPE

Bias = NDArray[np.float32]
Mask = NDArray[np.bool_]

# The prefixes for a tag in this place of an entity, best first. A scheme or a type may lack some of them.
_ROLES = {"first": "BS", "inside": "I", "last": "EI", "single": "SB"}
_ENTITY = "BIES"


class Place(NamedTuple):
    """A type at positions `start` to `end` (exclusive) of a window. It may begin before the window or end after it."""

    start: int
    end: int
    type: str


class TagTable:
    """The tags of a model, by type and by their place in an entity."""

    def __init__(self, labels: Sequence[str]) -> None:
        """`labels`: the labels of the model in tag order, in the BIO or BIOES scheme."""
        prefixes = [label[:1] for label in labels]
        self._count = len(labels)
        self._continuing = np.array([prefix in "IE" for prefix in prefixes])  # (labels,)
        self._names = np.array([prefix != "" and prefix in _ENTITY for prefix in prefixes])  # (labels,)
        self._types = {label[2:] for label, is_name in zip(labels, self._names, strict=True) if is_name}
        self._of_type = {type_: np.array([label[2:] == type_ for label in labels]) for type_ in self._types}
        self._prefixed = {
            prefix: np.array([one == prefix for one in prefixes]) & self._names for prefix in _ENTITY
        }  # (labels,) each
        self._roles = {
            (type_, role): self._role(type_, prefixes_) for type_ in self._types for role, prefixes_ in _ROLES.items()
        }
        self._known = {type_ for type_ in self._types if all(self._roles[type_, role].any() for role in _ROLES)}
        any_roles = {role: self._role(None, prefixes_) for role, prefixes_ in _ROLES.items()}
        self._any_clamps = {role: _clamp(allowed) for role, allowed in any_roles.items()}
        self._clamps = {place: _clamp(allowed) for place, allowed in self._roles.items()}

    def knows(self, type_: str) -> bool:
        """Return whether the model has tags for every place in an entity of this type."""
        return type_ in self._known

    def path(self, type_: str, length: int) -> list[int]:
        """Return the tags of an entity of a type that the model knows."""
        return [
            int(self._roles[type_, role].argmax())
            for start, end, role in _visible(Place(0, length, type_), length)
            for _ in range(start, end)
        ]

    @property
    def types(self) -> list[str]:
        """The types that the model knows, sorted."""
        return sorted(self._known)

    @property
    def continuing(self) -> Mask:
        """The tags that continue an entity: (labels,)."""
        return self._continuing

    def bias(self, length: int, clamped: Iterable[Place], banned: Iterable[Place], hinted: Iterable[Hint]) -> Bias:
        """Return the bias of a window.

        Args:
            length: number of positions of the window
            clamped: exactly these places are entities; a type that the model does not know stands for any type
            banned: no entity of this type overlaps the place; `*` stands for every type
            hinted: places and the weights that are added to the tags of their types

        Returns:
            (length, labels)
        """
        bias = np.zeros((length, self._count), dtype=np.float32)
        for place, weight in hinted:
            if self.knows(place.type):
                for start, end, role in _visible(place, length):
                    bias[start:end, self._roles[place.type, role]] += weight
        for place in banned:
            tags = self._names if place.type == ANY_TYPE else self._of_type.get(place.type, self._names)
            bias[place.start : place.end, tags] = -np.inf
            # Otherwise the path could continue an entity across the banned place.
            bias[place.end : place.end + 1, tags & self._continuing] = -np.inf
        for place in clamped:
            if place.end < length:
                bias[place.end, self._continuing] = -np.inf
        for place in clamped:
            known = self.knows(place.type)
            for start, end, role in _visible(place, length):
                bias[start:end] = self._clamps[place.type, role] if known else self._any_clamps[role]
        return bias

    def _role(self, type_: str | None, prefixes: str) -> Mask:
        of_type = self._names if type_ is None else self._of_type[type_]
        candidates = (self._prefixed[prefix] & of_type for prefix in prefixes)
        return next((tags for tags in candidates if tags.any()), np.zeros(self._count, dtype=bool))


def _clamp(allowed: Mask) -> Bias:
    """Return the bias that allows only some tags: (labels,)."""
    return np.where(allowed, np.float32(0), np.float32(-np.inf))


Hint = tuple[Place, float]


def _visible(place: Place, length: int) -> Iterator[tuple[int, int, str]]:
    """Yield the parts of a place that are in a window, and the role of the tags in each."""
    if place.end - place.start == 1:
        parts = ((place.start, place.end, "single"),)
    else:
        first, last = place.start + 1, place.end - 1
        parts = ((place.start, first, "first"), (first, last, "inside"), (last, place.end, "last"))
    for start, end, role in parts:
        begin, stop = max(start, 0), min(end, length)
        if begin < stop:
            yield begin, stop, role
