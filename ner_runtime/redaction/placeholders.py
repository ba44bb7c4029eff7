"""Placeholders: `<PER_1>`, `<PER_2>`, numbered for each type in the order of their first occurrence."""

from __future__ import annotations

import re

PLACEHOLDER = re.compile(r"<\w+_[1-9][0-9]*>")
_NOT_IN_LABEL = re.compile(r"\W")


class Placeholders:
    """Gives each string of a type a placeholder, the same for the same string."""

    def __init__(self, reserved: frozenset[str] = frozenset()) -> None:
        """Set the placeholders that are not to be used."""
        self._reserved = reserved
        self._placeholders: dict[tuple[str, str], str] = {}
        self._numbers: dict[str, int] = {}
        self.used: set[str] = set()

    def of(self, type_: str, string: str) -> str:
        """Return the placeholder of a string."""
        placeholder = self._placeholders.get((type_, string))
        if placeholder is None:
            placeholder = self._placeholders[type_, string] = self._next(_NOT_IN_LABEL.sub("_", type_) or "_")
            self.used.add(placeholder)
        return placeholder

    def _next(self, label: str) -> str:
        while True:
            number = self._numbers[label] = self._numbers.get(label, 0) + 1
            placeholder = f"<{label}_{number}>"
            if placeholder not in self._reserved:
                return placeholder
