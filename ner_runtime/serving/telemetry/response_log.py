"""Log record of a response, with a short way to JSON.

There is one for each request, refused ones included, so that its cost counts under overload. `to_json` writes `fields`
without building a dictionary of them.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from functools import lru_cache

from ner_runtime.serving.api.access_record import AccessRecord

EVENT = "request"
"""The event of these records."""

_MAX_METHOD = 16
_encode = json.JSONEncoder(default=str).encode
_ATTRIBUTES = {
    level: dict(logging.LogRecord("raner", level, __file__, 0, EVENT, (), None).__dict__)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING)
}


class ResponseLogRecord(logging.LogRecord):
    """A log record that describes a response."""

    def __init__(self, response: AccessRecord, level: int) -> None:
        """`level`: DEBUG, INFO or WARNING."""
        # Instead of `LogRecord.__init__`, which determines the thread, the module and more, which no line has.
        self.__dict__.update(_ATTRIBUTES[level])
        self.created = response.at
        self.process = os.getpid()
        self.response = response

    def fields(self) -> dict[str, object]:
        """Return the fields that describe the response."""
        response = self.response
        fields: dict[str, object] = {"request_id": response.request_id} if response.request_id else {}
        fields |= {"path": response.path, "method": response.method[:_MAX_METHOD], "status": response.status}
        fields["ms"] = _milliseconds(response)
        if response.code is not None:
            fields["code"] = response.code
        return {**fields, **response.notes}

    def to_json(self) -> str:
        """Return the line as JSON: time, level, event, process id, and `fields`."""
        response = self.response
        request_id = f'"request_id": {_encode(response.request_id)}, ' if response.request_id else ""
        route = _route(response.path, response.method[:_MAX_METHOD], response.status)
        code = "" if response.code is None else f', "code": {_encode(response.code)}'
        notes = f", {_encode(response.notes)[1:-1]}" if response.notes else ""
        return (
            f'{{"time": "{timestamp(response.at)}", "level": "{level_name(self)}", "event": "{EVENT}", '
            f'"pid": {self.process}, {request_id}{route}, "ms": {_milliseconds(response)}{code}{notes}}}'
        )


def timestamp(seconds: float) -> str:
    """Return a time in UTC, given in seconds since the epoch, in ISO 8601 with milliseconds."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03}+00:00"


def level_name(record: logging.LogRecord) -> str:
    """Return the level of a record as it stands in a line."""
    return record.levelname.lower()


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=256)
def _route(path: str, method: str, status: int) -> str:
    """Return the first fields as JSON."""
    return _encode({"path": path, "method": method, "status": status})[1:-1]


def _milliseconds(response: AccessRecord) -> float:
    return round(response.seconds * 1000, 3)
