"""Heartbeats: each worker touches a file of its own every second, and the supervisor checks that the file changes.

The supervisor compares modification times with each other and never with a clock: the clock may jump, and a container
that was paused resumes with old files.
"""

from __future__ import annotations

import os
from pathlib import Path

RUN_DIR = "RANER_RUN_DIR"
"""Environment variable with the supervisor's run directory; unset if there is no supervisor."""

SUPERVISOR_PID = "RANER_SUPERVISOR_PID"
"""Environment variable with the supervisor's process id."""

HEARTBEAT_S = 1.0


def run_dir() -> Path | None:
    """Return the directory that the supervisor and its workers share; None if there is no supervisor."""
    path = os.environ.get(RUN_DIR)
    return Path(path) if path else None


def is_supervised() -> bool:
    """Whether this process was started by the supervisor, and the supervisor is still running."""
    return os.environ.get(SUPERVISOR_PID) == str(os.getppid())


def is_orphan() -> bool:
    """Whether this process was started by a supervisor that has since ended."""
    return SUPERVISOR_PID in os.environ and not is_supervised()


def heartbeat_file(directory: Path, pid: int) -> Path:
    """Return the file that the worker with this process id touches."""
    return directory / f"{pid}.beat"


def send_heartbeat() -> None:
    """Touch the file of this process; do nothing if there is no supervisor."""
    directory = run_dir()
    if directory is not None:
        heartbeat_file(directory, os.getpid()).touch()


def last_heartbeat(directory: Path, pid: int) -> int | None:
    """Return a number that changes with each heartbeat of the worker; None before the first heartbeat."""
    try:
        return heartbeat_file(directory, pid).stat().st_mtime_ns
    except FileNotFoundError:
        return None
