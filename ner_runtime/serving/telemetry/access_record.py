"""What the edge reports of every response: a few labels and numbers, never text of the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """An answer that went out.

    path: one of the paths that there are, `/static` for a file of the page, or `other`
    code: of the error; None for a success
    notes: what those behind the edge have to say of the request
    """

    path: str
    method: str
    status: int
    seconds: float
    code: str | None = None
    notes: Mapping[str, object] = field(default_factory=dict)


Observer = Callable[[AccessRecord], None]
"""Told of every answer."""
