"""Access records: data about each response for logs and metrics. They contain labels and numbers, never user text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import time


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """Describes a response that was sent.

    path: a known path, `/static` for any file of the web UI, or `other`
    code: the error code; None for a success
    notes: further fields for the log, such as the number of characters
    request_id: id of the request
    at: when the response was sent, in seconds since the epoch
    """

    path: str
    method: str
    status: int
    seconds: float
    code: str | None = None
    notes: Mapping[str, object] = field(default_factory=dict)
    request_id: str = ""
    at: float = field(default_factory=time)


Observer = Callable[[AccessRecord], None]
"""Called once for each response."""


def observe(record: AccessRecord, observers: Iterable[Observer]) -> None:
    """Call the observers."""
    for observer in observers:
        observer(record)
