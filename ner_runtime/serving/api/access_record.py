"""Access records: data about each response for logs and metrics. They contain labels and numbers, never user text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import time

from ner_runtime.errors import RanerError
from ner_runtime.serving.api.errors import status_of


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


def observe_error(
    observers: Iterable[Observer],
    method: str,
    path: str,
    error: RanerError,
    seconds: float,
    identity: str,
    at: float,
) -> None:
    """Call the observers with the record of an error response that the application did not send."""
    record = AccessRecord(path, method, status_of(error), seconds, error.code, request_id=identity, at=at)
    observe(record, observers)
