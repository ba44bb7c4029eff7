"""Logs, in a process of its own because `configure_logs` configures the loggers of the whole process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def log_lines(level: str, form: str) -> list[str]:
    program = [sys.executable, "-m", "tests.support.programs.write_logs", level, form]
    run = subprocess.run(program, capture_output=True, text=True, check=True)
    assert not run.stdout
    assert "秘密" not in run.stderr
    assert "\\u79d8" not in run.stderr
    return run.stderr.splitlines()


def test_each_line_is_a_json_object_without_text_of_a_user() -> None:
    logged: list[dict[str, Any]] = [json.loads(line) for line in log_lines("info", "json")]
    success, timeout, bentoml, exception, warning, two_lines, failed_task = logged
    assert {name: success[name] for name in ("level", "event", "path", "method", "status", "ms", "chars")} == {
        "level": "info",
        "event": "request",
        "path": "/ner",
        "method": "POST",
        "status": 200,
        "ms": 12.3,
        "chars": 5,
    }
    assert success["time"].endswith("+00:00")
    assert "request_id" not in success
    assert (timeout["level"], timeout["code"], timeout["request_id"]) == ("warning", "timed_out", "an-id")
    assert (bentoml["event"], bentoml["logger"]) == ("Service raner initialized", "bentoml.serve")
    assert (exception["exception"]["type"], exception["request_id"]) == ("ValueError", "an-id")
    assert exception["exception"]["cause"]["type"] == "KeyError"
    assert "careful" in warning["event"]
    assert two_lines["event"] == "two\nlines"
    assert (failed_task["event"], failed_task["logger"]) == ("Task exception was never retrieved", "asyncio")


def test_the_text_format_has_one_line_per_event() -> None:
    logged = log_lines("info", "text")
    assert len(logged) == 7
    assert "request pid=" in logged[0]
    assert logged[0].endswith("path=/ner method=POST status=200 ms=12.3 chars=5")
    assert r"two\nlines" in logged[5]
    assert logged[5].endswith(r"why=a\nb")


def test_levels() -> None:
    assert sum("/livez" in line for line in log_lines("debug", "json")) == 1
    assert not [line for line in log_lines("error", "text") if " error " not in line and "warning" not in line]
    assert not [line for line in log_lines("warning", "json") if "initialized" in line or '"chars"' in line]
