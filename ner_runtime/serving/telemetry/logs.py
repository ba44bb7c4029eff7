"""Logs: one line of JSON, or of text, per event, on standard error.

Every line has `time`, `level`, `event` and, inside a request, `request_id`. No line holds the text of a user: a request
is told of in numbers, and an exception by its type and where it came from, for its message may quote what it choked on.
BentoML's, uvicorn's and circus's own loggers write the same way.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Literal
from uuid import uuid4

from pythonjsonlogger.json import JsonFormatter

from ner_runtime.errors import RanerError
from ner_runtime.serving.api.access_record import AccessRecord
from ner_runtime.upstream.private import CONFIGURATION_LOGGER

LogFormat = Literal["json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Id of the request that is being answered."""

_VALID_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
# BentoML sets these up with handlers of their own.
_FOREIGN = ("bentoml", "circus", "uvicorn", "uvicorn.error", "uvicorn.access")
_OURS = "raner"
_READ = ("GET", "HEAD")
_FRAMES = 12

log = logging.getLogger(_OURS)
"""The logger of the service: `log.info("event", extra={…})`."""


def request_id(given: str | None) -> str:
    """The id that a request brought, if it is one that may stand in a log, or a new one."""
    return given if given and _VALID_ID.fullmatch(given) else uuid4().hex


def configure_logs(level: LogLevel, form: LogFormat) -> None:
    """Let everything in this process log this way."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in _FOREIGN:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    log.setLevel(level.upper())
    # What BentoML tells of its own at INFO is when it starts and stops.
    logging.getLogger("bentoml").setLevel(max(log.level, logging.INFO))
    # It quotes BENTOML_CONFIG_OPTIONS, which may hold the credentials of a collector.
    logging.getLogger(CONFIGURATION_LOGGER).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def log_answer(answered: AccessRecord) -> None:
    """Tell of an answer: of one that failed on our side as a warning, of what is read all the time only to debug."""
    if answered.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        level = logging.WARNING
    else:
        level = logging.DEBUG if answered.method in _READ else logging.INFO
    if not log.isEnabledFor(level):
        return
    fields: dict[str, object] = {"path": answered.path, "method": answered.method[:16], "status": answered.status}
    fields["ms"] = round(answered.seconds * 1000, 3)
    if answered.code is not None:
        fields["code"] = answered.code
    log.log(level, "request", extra={**fields, **answered.notes})


class JsonLines(JsonFormatter):
    """A record as a JSON object on one line."""

    def __init__(self) -> None:
        super().__init__("%(message)s")

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        given = {name: value for name, value in log_data.items() if name not in ("message", "exc_info", "stack_info")}
        log_data.clear()
        log_data.update(_fields(record), **given)


class TextLines(logging.Formatter):
    """A record as one line of text."""

    def format(self, record: logging.LogRecord) -> str:
        known = logging.makeLogRecord({}).__dict__.keys() | {"message", "asctime"}
        given = {name: value for name, value in record.__dict__.items() if name not in known}
        fields = {**_fields(record), **given}
        head = f"{fields.pop('time')} {fields.pop('level'):7} {_one_line(fields.pop('event'))}"
        return " ".join([head, *(f"{name}={_one_line(value)}" for name, value in fields.items())])


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    ours = record.name.partition(".")[0] == _OURS
    event = record.getMessage()
    if not ours:
        # The first line says what happened; asyncio, for one, shows objects in the others, and a text may be in them.
        event = event.partition("\n")[0]
    fields: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": event,
        "pid": record.process,
    }
    if not ours:
        fields["logger"] = record.name
    if identity := REQUEST_ID.get():
        fields["request_id"] = identity
    if record.exc_info and record.exc_info[1]:
        fields["exception"] = _exception(record.exc_info[1])
    return fields


def _exception(error: BaseException) -> dict[str, Any]:
    told: dict[str, Any] = {"type": type(error).__name__, "at": _frames(error.__traceback__)}
    # These say what is wrong with the machine or a setting, and never hold a text.
    if isinstance(error, RanerError | OSError):
        told["message"] = str(error)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        told["cause"] = {"type": type(cause).__name__, "at": _frames(cause.__traceback__)}
    return told


def _frames(where: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(where)[-_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _one_line(value: object) -> str:
    return str(value).encode("unicode_escape").decode("ascii")
