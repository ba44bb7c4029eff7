"""Access records: what is logged and counted of each response. They hold labels and numbers, never text of a user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """A response that was sent.

    path: a known path, `/static` for any file of the web UI, or `other`
    code: the error code; None for a success
    notes: further fields for the log, such as the number of characters
    """

    path: str
    method: str
    status: int
    seconds: float
    code: str | None = None
    notes: Mapping[str, object] = field(default_factory=dict)


Observer = Callable[[AccessRecord], None]
"""Called once for each response."""
