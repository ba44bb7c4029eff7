"""The processes of a served service: its workers, which of them are ready, and the memory they hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil

from ner_runtime.serving.lifecycle.heartbeat import RUN_DIR, last_heartbeat
from ner_runtime.upstream.private import WORKER_MODULE
from tests.support.servers import Server


def workers(server: Server) -> list[psutil.Process]:
    """The living workers, oldest first."""
    found: list[psutil.Process] = []
    for child in psutil.Process(server.process.pid).children():
        try:
            if child.status() != psutil.STATUS_ZOMBIE and WORKER_MODULE in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return sorted(found, key=lambda worker: worker.create_time())


def ready_workers(server: Server) -> list[psutil.Process]:
    """Those that have begun to take requests."""
    return [worker for worker in workers(server) if _beats(worker)]


def resident_bytes(server: Server) -> int:
    """What the workers hold in memory, together."""
    return sum(worker.memory_info().rss for worker in workers(server))


def versions(server: Server) -> dict[str, int]:
    """How many workers serve which version of the model, by the metrics."""
    with server.client() as client:
        lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith("raner_model_info{")]
    counts = {line.split('version="')[1].split('"')[0]: int(float(line.split()[-1])) for line in lines}
    return {version: count for version, count in counts.items() if count}


def wait_for(what: Callable[[], bool], seconds: float) -> float:
    """Wait until something is so; returns how long that took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - began


def _beats(worker: psutil.Process) -> bool:
    try:
        directory = worker.environ().get(RUN_DIR)
    except psutil.NoSuchProcess:
        return False
    return bool(directory) and last_heartbeat(Path(directory), worker.pid) is not None
