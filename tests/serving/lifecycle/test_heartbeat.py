from __future__ import annotations

import os
from pathlib import Path

import pytest

from ner_runtime.serving.lifecycle.heartbeat import RUN_DIR, SUPERVISOR_PID, beat, is_orphan, last_beat, run_dir


def test_each_beat_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_DIR, str(tmp_path))
    assert last_beat(tmp_path, os.getpid()) is None
    beat()
    first = last_beat(tmp_path, os.getpid())
    beat()
    assert first is not None
    assert last_beat(tmp_path, os.getpid()) != first


def test_nobody_listens_where_there_is_no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN_DIR, raising=False)
    monkeypatch.delenv(SUPERVISOR_PID, raising=False)
    beat()
    assert run_dir() is None
    assert not is_orphan()


def test_a_worker_whose_parent_is_another_one_now_is_an_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUPERVISOR_PID, str(os.getppid()))
    assert not is_orphan()
    monkeypatch.setenv(SUPERVISOR_PID, "999999")
    assert is_orphan()
