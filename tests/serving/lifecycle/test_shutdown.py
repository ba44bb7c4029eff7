"""Shutdown, in a process of its own because the process ends."""

from __future__ import annotations

import subprocess
import sys

from ner_runtime.serving.lifecycle.shutdown import CLOSE_S

DRAIN_S, GRACE_S = 0.3, 1.0


def test_the_server_stops_after_the_drain_time_and_the_process_ends_after_the_grace_time() -> None:
    program = [sys.executable, "-m", "tests.support.programs.shut_down", str(DRAIN_S), str(GRACE_S)]
    run = subprocess.run(program, capture_output=True, text=True, timeout=20)
    before, after, early, stopped, refused, recorded = run.stdout.splitlines()
    assert before == "headers: {}"
    assert after == "headers: {b'connection': b'close'}"
    assert early == "the server was stopped early: False"
    assert float(stopped.partition("after: ")[2]) >= DRAIN_S + CLOSE_S
    assert refused == "requests are refused"
    assert recorded == "the last response is recorded"
    assert run.returncode == 0
