"""Logs: one line per event on standard error, as JSON or as text.

Every line has `time`, `level`, `event` and, inside a request, `request_id`. No line contains user text: a request is
described by numbers, and an exception by its type and traceback. The message of an exception is logged only for
`RanerError` and `OSError`, because the messages of others may quote a text.

The loggers of BentoML, uvicorn and circus use the same format.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from http import HTTPStatus
from types import TracebackType
from typing import Any, Literal

from ner_runtime.errors import RanerError
from ner_runtime.serving.api.access_record import AccessRecord
from ner_runtime.serving.telemetry.log_handler import BufferedLogHandler
from ner_runtime.serving.telemetry.response_log import ResponseLogRecord, level_name, timestamp
from ner_runtime.upstream.private import CONFIGURATION_LOGGER

LogFormat = Literal["json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Id of the current request."""

# Loggers to which BentoML attaches handlers of their own.
_OTHER_LOGGERS = ("bentoml", "circus", "uvicorn", "uvicorn.error", "uvicorn.access")
_SERVICE = "raner"
_READ_METHODS = ("GET", "HEAD")
_MAX_FRAMES = 12
_ENCODER = json.JSONEncoder(default=str)
_RECORD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}

log = logging.getLogger(_SERVICE)
"""The logger of the service: `log.info("event", extra={…})`."""


def configure_logs(level: LogLevel, form: LogFormat) -> None:
    """Configure all loggers of this process."""
    handler = BufferedLogHandler(sys.stderr)
    handler.setFormatter(JsonLogFormatter() if form == "json" else TextLogFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in _OTHER_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    log.setLevel(level.upper())
    # At INFO, BentoML reports when the service starts and stops.
    logging.getLogger("bentoml").setLevel(max(log.level, logging.INFO))
    # At INFO, it logs BENTOML_CONFIG_OPTIONS, which may contain the credentials of a trace collector.
    logging.getLogger(CONFIGURATION_LOGGER).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    # No line has these fields, so records need not collect them.
    logging.logThreads = logging.logMultiprocessing = False


def flush_logs() -> None:
    """Write all log lines that are waiting; call it before `os._exit`."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def log_response(record: AccessRecord) -> None:
    """Log a response: a server error as a warning, GET and HEAD as debug, everything else as info."""
    if record.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        level = logging.WARNING
    else:
        level = logging.DEBUG if record.method in _READ_METHODS else logging.INFO
    if log.isEnabledFor(level):
        log.handle(ResponseLogRecord(record, level))


class JsonLogFormatter(logging.Formatter):
    """Formats a log record as a JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record, ResponseLogRecord):
            return record.to_json()
        return _ENCODER.encode(_fields(record) | _extra_fields(record))


class TextLogFormatter(logging.Formatter):
    """Formats a log record as one line of text."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record) | _extra_fields(record)
        head = f"{fields.pop('time')} {fields.pop('level'):7} {_one_line(fields.pop('event'))}"
        return " ".join([head, *(f"{name}={_one_line(value)}" for name, value in fields.items())])


def _extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    if isinstance(record, ResponseLogRecord):
        return record.fields()
    return {name: value for name, value in record.__dict__.items() if name not in _RECORD_FIELDS}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    is_own = record.name.partition(".")[0] == _SERVICE
    event = record.getMessage()
    if not is_own:
        # The first line names the event. Further lines may hold a text: asyncio, for example, shows objects there.
        event = event.partition("\n")[0]
    fields: dict[str, Any] = {
        "time": timestamp(record.created),
        "level": level_name(record),
        "event": event,
        "pid": record.process,
    }
    if not is_own:
        fields["logger"] = record.name
    if (identity := REQUEST_ID.get()) and not isinstance(record, ResponseLogRecord):
        fields["request_id"] = identity
    if record.exc_info and record.exc_info[1]:
        fields["exception"] = _exception(record.exc_info[1])
    return fields


def _exception(error: BaseException) -> dict[str, Any]:
    described: dict[str, Any] = {"type": type(error).__name__, "at": _frames(error.__traceback__)}
    # The messages of these describe the machine or a setting and never hold a text.
    if isinstance(error, RanerError | OSError):
        described["message"] = str(error)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        described["cause"] = {"type": type(cause).__name__, "at": _frames(cause.__traceback__)}
    return described


def _frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_MAX_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _one_line(value: object) -> str:
    return str(value).encode("unicode_escape").decode("ascii")
