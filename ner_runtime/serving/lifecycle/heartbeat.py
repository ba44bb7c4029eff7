"""Heartbeat: how a worker lets the supervisor know that it lives, by touching a file of its own every second.

What counts is that the file changes, not when: clocks jump, and a container that was paused comes back with old files.
"""

from __future__ import annotations

import os
from pathlib import Path

RUN_DIR = "RANER_RUN_DIR"
"""Environment variable that tells a worker of the supervisor's directory; unset where nobody supervises."""

SUPERVISOR_PID = "RANER_SUPERVISOR_PID"
"""Environment variable with the supervisor's process id."""

BEAT_S = 1.0


def run_dir() -> Path | None:
    """The supervisor's directory, in which workers leave word for it and for one another."""
    path = os.environ.get(RUN_DIR)
    return Path(path) if path else None


def is_orphan() -> bool:
    """Whether there was a supervisor and is none any more."""
    return os.environ.get(SUPERVISOR_PID, str(os.getppid())) != str(os.getppid())


def beat_file(directory: Path, pid: int) -> Path:
    """The file that the worker with this process id touches."""
    return directory / f"{pid}.beat"


def beat() -> None:
    """Touch this worker's file."""
    directory = run_dir()
    if directory is not None:
        beat_file(directory, os.getpid()).touch()


def last_beat(directory: Path, pid: int) -> int | None:
    """A number that changes with each beat of that worker; None before its first."""
    try:
        return beat_file(directory, pid).stat().st_mtime_ns
    except FileNotFoundError:
        return None
