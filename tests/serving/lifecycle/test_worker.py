"""The background tasks of a worker."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ner_runtime.serving.lifecycle import worker
from ner_runtime.serving.lifecycle.heartbeat import RUN_DIR, heartbeat_file
from ner_runtime.serving.lifecycle.shutdown import Shutdown
from ner_runtime.serving.lifecycle.worker import Worker
from ner_runtime.settings import Settings

pytestmark = pytest.mark.anyio


@contextmanager
def too_many_open_files() -> Generator[None]:
    """Let this process open no more files."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def until_heartbeat(file: Path) -> None:
    async with asyncio.timeout(30):
        while not file.exists():
            await asyncio.sleep(0)


async def test_heartbeats_continue_after_too_many_files_were_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN_DIR, str(tmp_path))
    monkeypatch.setattr(worker, "HEARTBEAT_S", 0)
    running = Worker(Settings(), Shutdown(0, 1), {}, is_first=False)
    running.start()
    file = heartbeat_file(tmp_path, os.getpid())
    await until_heartbeat(file)
    with too_many_open_files():
        # Neither the heartbeat can be sent now, nor the memory be read.
        file.unlink()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not file.exists()
    await until_heartbeat(file)
    running.stop()
