from __future__ import annotations

import os
from pathlib import Path

import pytest

from ner_runtime.serving.telemetry.metrics import reserve_disk_space


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs posix_fallocate")
def test_the_beginning_of_the_files_of_this_process_is_reserved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = tmp_path / f"counter_{os.getpid()}.db", tmp_path / "counter_1.db"
    for file in (own, other):
        with file.open("wb") as opened:
            opened.truncate(1_000_000)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    reserve_disk_space()
    assert 512 * own.stat().st_blocks >= 100_000
    assert own.stat().st_size == 1_000_000
    assert 512 * other.stat().st_blocks < 100_000
