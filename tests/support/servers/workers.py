"""The processes of a served service: its workers, which of them are ready, and the memory they hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil

from ner_runtime.serving.lifecycle.heartbeat import RUN_DIR, last_heartbeat
from ner_runtime.upstream.private import WORKER_MODULE
from tests.support.servers.service import Server

POLL_S = 0.05


def workers(server: Server) -> list[psutil.Process]:
    """The running workers, oldest first."""
    found: list[psutil.Process] = []
    for child in psutil.Process(server.process.pid).children():
        try:
            if child.status() != psutil.STATUS_ZOMBIE and WORKER_MODULE in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return sorted(found, key=lambda worker: worker.create_time())


def ready_workers(server: Server) -> list[psutil.Process]:
    """The workers that accept requests."""
    return [worker for worker in workers(server) if _has_heartbeat(worker)]


def resident_bytes(server: Server) -> int:
    """The resident memory of all workers together."""
    return sum(worker.memory_info().rss for worker in workers(server))


def versions(server: Server, model: str = "default") -> dict[str, int]:
    """How many workers serve each version of the model with this name, by the metrics."""
    start = f'raner_model_info{{model="{model}",'
    with server.client() as client:
        lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(start)]
    counts = {line.split('version="')[1].split('"')[0]: int(float(line.split()[-1])) for line in lines}
    return {version: count for version, count in counts.items() if count}


def wait_for(condition: Callable[[], bool], timeout_s: float) -> float:
    """Poll a condition of another process until it holds; return how long that took.

    Raises:
        AssertionError: it does not hold within `timeout_s`.
    """
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout_s, f"the condition does not hold after {timeout_s} s"
        time.sleep(POLL_S)
    return time.monotonic() - started


def _has_heartbeat(worker: psutil.Process) -> bool:
    try:
        directory = worker.environ().get(RUN_DIR)
    except psutil.NoSuchProcess:
        return False
    return bool(directory) and last_heartbeat(Path(directory), worker.pid) is not None
