from __future__ import annotations

import os
from pathlib import Path

import pytest

from ner_runtime.serving.lifecycle.heartbeat import (
    RUN_DIR,
    SUPERVISOR_PID,
    is_orphan,
    is_supervised,
    last_heartbeat,
    run_dir,
    send_heartbeat,
)


def test_each_heartbeat_changes_the_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_DIR, str(tmp_path))
    assert last_heartbeat(tmp_path, os.getpid()) is None
    send_heartbeat()
    first = last_heartbeat(tmp_path, os.getpid())
    send_heartbeat()
    assert first is not None
    assert last_heartbeat(tmp_path, os.getpid()) != first


def test_without_a_supervisor_a_heartbeat_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN_DIR, raising=False)
    monkeypatch.delenv(SUPERVISOR_PID, raising=False)
    send_heartbeat()
    assert run_dir() is None
    assert (is_supervised(), is_orphan()) == (False, False)


def test_a_worker_whose_supervisor_has_ended_is_an_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUPERVISOR_PID, str(os.getppid()))
    assert (is_supervised(), is_orphan()) == (True, False)
    monkeypatch.setenv(SUPERVISOR_PID, "999999")
    assert (is_supervised(), is_orphan()) == (False, True)
