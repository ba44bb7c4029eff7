"""Access records: data about each response for logs and metrics. They contain labels and numbers, never user text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """Describes a response that was sent.

    path: a known path, `/static` for any file of the web UI, or `other`
    code: the error code; None for a success
    notes: further fields for the log, such as the number of characters
    at: when the response was sent, in seconds since the epoch; None for now
    """

    path: str
    method: str
    status: int
    seconds: float
    code: str | None = None
    notes: Mapping[str, object] = field(default_factory=dict)
    at: float | None = None


Observer = Callable[[AccessRecord], None]
"""Called once for each response."""
