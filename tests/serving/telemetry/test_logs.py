"""What is written, by a process of its own, since the logs are those of the whole process."""

import json
import subprocess
import sys
from typing import Any

import pytest

from ner_runtime.serving.telemetry.logs import request_id

PROGRAM = """
import asyncio, logging, sys, warnings
from ner_runtime.serving.api.access_record import AccessRecord
from ner_runtime.serving.telemetry.logs import REQUEST_ID, configure_logs, log, log_answer

configure_logs(sys.argv[1], sys.argv[2])
log_answer(AccessRecord("/ner", "POST", 200, 0.0123, notes={"chars": 5}))
log_answer(AccessRecord("/livez", "GET", 200, 0.001))
REQUEST_ID.set("an-id")
log_answer(AccessRecord("/ner", "POST", 504, 30.0, code="timed_out"))
logging.getLogger("bentoml.serve").info("Service %s initialized", "raner")
logging.getLogger("uvicorn.access").info("GET /?text=秘密")
try:
    try:
        {}["秘密"]
    except KeyError as error:
        raise ValueError("秘密") from error
except ValueError:
    log.exception("failed")
warnings.warn("careful")
log.warning("two\\nlines", extra={"why": "a\\nb"})

async def forgotten():
    raise KeyError("秘密")

async def main():
    asyncio.ensure_future(forgotten())
    await asyncio.sleep(0.01)

asyncio.run(main())
"""


def lines(level: str, form: str) -> list[str]:
    run = subprocess.run([sys.executable, "-c", PROGRAM, level, form], capture_output=True, text=True, check=True)
    assert not run.stdout
    assert "秘密" not in run.stderr
    assert "\\u79d8" not in run.stderr
    return run.stderr.splitlines()


def test_a_line_is_a_json_object_and_no_line_has_a_text() -> None:
    told: list[dict[str, Any]] = [json.loads(line) for line in lines("info", "json")]
    first, second, started, failed, warned, two, forgotten = told
    assert {name: first[name] for name in ("level", "event", "path", "method", "status", "ms", "chars")} == {
        "level": "info",
        "event": "request",
        "path": "/ner",
        "method": "POST",
        "status": 200,
        "ms": 12.3,
        "chars": 5,
    }
    assert first["time"].endswith("+00:00")
    assert "request_id" not in first
    assert (second["level"], second["code"], second["request_id"]) == ("warning", "timed_out", "an-id")
    assert (started["event"], started["logger"]) == ("Service raner initialized", "bentoml.serve")
    assert failed["exception"]["type"] == "ValueError"
    assert failed["exception"]["cause"]["type"] == "KeyError"
    assert "careful" in warned["event"]
    assert two["event"] == "two\nlines"
    assert (forgotten["event"], forgotten["logger"]) == ("Task exception was never retrieved", "asyncio")


def test_text_is_one_line_an_event_too() -> None:
    told = lines("info", "text")
    assert len(told) == 7
    assert "request pid=" in told[0]
    assert told[0].endswith("path=/ner method=POST status=200 ms=12.3 chars=5")
    assert r"two\nlines" in told[5]
    assert told[5].endswith(r"why=a\nb")


def test_levels() -> None:
    assert sum("/livez" in line for line in lines("debug", "json")) == 1
    assert not [line for line in lines("error", "text") if " error " not in line and "warning" not in line]
    assert not [line for line in lines("warning", "json") if "initialized" in line or '"chars"' in line]


@pytest.mark.parametrize("given", ["a", "A-z_0.9:/+=@" + "x" * 100])
def test_a_request_id_that_may_stand_in_a_log(given: str) -> None:
    assert request_id(given) == given


@pytest.mark.parametrize("given", [None, "", "a b", "a\nb", "é", "x" * 129, '{"a":1}'])
def test_one_that_may_not_is_replaced(given: str | None) -> None:
    assert request_id(given) not in ("", given)
    assert request_id(given) != request_id(given)
