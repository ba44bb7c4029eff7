"""Program of `tests/serving/telemetry/test_logs.py`: logs events of every kind. Arguments: level, format."""

from __future__ import annotations

import asyncio
import logging
import sys
import warnings

from ner_runtime.serving.api.access_record import AccessRecord
from ner_runtime.serving.telemetry.logs import REQUEST_ID, configure_logs, log, log_response


def log_responses() -> None:
    log_response(AccessRecord("/ner", "POST", 200, 0.0123, notes={"chars": 5}))
    log_response(AccessRecord("/livez", "GET", 200, 0.001))
    log_response(AccessRecord("/ner", "POST", 504, 30.0, code="timed_out", request_id="an-id"))


def log_through_other_loggers() -> None:
    logging.getLogger("bentoml.serve").info("Service %s initialized", "raner")
    logging.getLogger("uvicorn.access").info("GET /?text=秘密")


def log_exception() -> None:
    token = REQUEST_ID.set("an-id")
    try:
        try:
            {}["秘密"]
        except KeyError as error:
            raise ValueError("秘密") from error
    except ValueError:
        log.exception("failed")
    REQUEST_ID.reset(token)


async def abandon_failed_task() -> None:
    async def fail() -> None:
        raise KeyError("秘密")

    task = asyncio.ensure_future(fail())
    await asyncio.wait([task])


configure_logs(sys.argv[1], sys.argv[2])  # type: ignore[arg-type]
log_responses()
log_through_other_loggers()
log_exception()
warnings.warn("careful", stacklevel=1)
log.warning("two\nlines", extra={"why": "a\nb"})
asyncio.run(abandon_failed_task())
