"""Supervisor: the parent of the workers. BentoML's arbiter, which also does what a service that holds needs.

BentoML's own looks after its workers every ten seconds, and in a container (`BENTOML_CONTAINERIZED`, set in every image
it generates) not at all. This one looks every second, everywhere; replaces workers whose heartbeat has stopped; ends
with one line where workers cannot start; and bounds the time that they have to leave.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from prometheus_client.multiprocess import mark_process_dead

from ner_runtime.serving.lifecycle.heartbeat import BEAT_S, RUN_DIR, SUPERVISOR_PID, beat_file, last_beat
from ner_runtime.settings import Settings
from ner_runtime.upstream.private import Arbiter, ConflictError, IOLoop, Watcher, replace_arbiter

CHECK_S = 1.0
START_TIMEOUT_S = 300.0
"""A worker that has not become ready after this time is taken to hang."""
MAX_STILLBORN = 3
"""Workers in a row that may end before they are ready while none is; then the service gives up."""
MAX_BACKOFF_S = 30.0
LEAVE_S = 2.0
"""What a worker has beyond its grace time before it is killed."""

_log = logging.getLogger("raner.supervisor")
_circus_log = logging.getLogger("circus")


@dataclass(slots=True)
class _Watched:
    """A worker as the supervisor knows it: its last beat, and the checks since then."""

    beat: int | None = None
    checks: int = 0


class Supervisor(Arbiter):
    """Parent of the workers; `supervise` puts it in the arbiter's place."""

    settings: Settings

    def __init__(self, watchers: Sequence[Watcher], *args: Any, **kwargs: Any) -> None:
        super().__init__(watchers, *args, **{**kwargs, "check_delay": CHECK_S})
        self._run_dir = Path(tempfile.mkdtemp(prefix="raner-"))
        self._workers: dict[int, _Watched] = {}
        self._wanted = {watcher.name: watcher.numprocesses for watcher in watchers}
        self._stillborn = 0
        self._wait = 0.0
        self._failure: str | None = None
        # BentoML has one directory for all services of a host, which each that starts empties.
        metrics = self._run_dir / "metrics"
        metrics.mkdir()
        for watcher in watchers:
            watcher.respawn = True
            watcher.graceful_timeout = self.settings.grace_s + LEAVE_S
            ours = {RUN_DIR: str(self._run_dir), SUPERVISOR_PID: str(os.getpid())}
            ours["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
            watcher.env = {**(watcher.env or {}), **ours}
            watcher.hooks |= {"after_spawn": self._born, "after_reap": self._gone}

    def start(self, cb: Callable[[Any], Any] | None = None) -> None:
        """Serve until told to stop.

        Raises:
            SystemExit: the port cannot be had, or the workers cannot start; its message is one line.
        """
        try:
            super().start(cb)
        except OSError as error:
            raise SystemExit(f"raner: cannot listen: {error.strerror or error}") from None
        finally:
            shutil.rmtree(self._run_dir, ignore_errors=True)
        if self._failure:
            raise SystemExit(f"raner: {self._failure}")

    def initialize(self) -> None:
        """Bind the sockets; what circus would say of one that is taken, `start` says in one line."""
        _circus_log.disabled = True
        try:
            super().initialize()
        finally:
            _circus_log.disabled = False

    def stop(self) -> Any:
        """Tell the workers to leave; see `departure.py` for how they do it."""
        try:
            stopped = super().stop()
        except ConflictError:
            # A check is under way; a signal to stop must not be lost to it.
            IOLoop.current().call_later(0.1, self.stop)
            return None
        IOLoop.current().call_later(self.settings.drain_s, self._refuse)
        return stopped

    def manage_watchers(self) -> Any:
        """Look after the workers; called every `CHECK_S` seconds."""
        self.reap_processes()
        for watcher in self.watchers:
            # Those that end before they are ready come back ever more slowly, but never none.
            watcher.numprocesses = self._wanted[watcher.name] if self._wait <= 0 else max(1, len(watcher))
        self._wait -= CHECK_S
        managed = super().manage_watchers()
        self._listen_to_hearts()
        return managed

    def _born(self, *, pid: int, **_hook: Any) -> bool:
        self._workers[pid] = _Watched()
        return True

    def _gone(self, *, watcher: Watcher, process_pid: int, exit_code: int, **_hook: Any) -> None:
        gone = self._workers.pop(process_pid, None)
        beat_file(self._run_dir, process_pid).unlink(missing_ok=True)
        mark_process_dead(process_pid, (watcher.env or {}).get("PROMETHEUS_MULTIPROC_DIR"))
        if watcher.is_stopping():
            return
        how = f"was killed by signal {-exit_code}" if exit_code < 0 else f"has ended with {exit_code}"
        _log.warning("worker %d %s and is replaced", process_pid, how)
        if gone is None or gone.beat is None:
            self._stillborn += 1
            self._wait = min(MAX_BACKOFF_S, 2.0**self._stillborn)
        if self._stillborn >= MAX_STILLBORN and not any(watched.beat for watched in self._workers.values()):
            self._failure = "the workers cannot start; the lines above say why"
            self.stop()

    def _listen_to_hearts(self) -> None:
        alive = {pid for watcher in self.watchers for pid in watcher.processes}
        self._workers = {pid: watched for pid, watched in self._workers.items() if pid in alive}
        for pid, watched in self._workers.items():
            beat = last_beat(self._run_dir, pid)
            if beat != watched.beat:
                watched.beat, watched.checks = beat, 0
                self._stillborn = 0
                continue
            watched.checks += 1
            # Counted in checks rather than on a clock: where this process was stopped as well, nobody is to blame.
            silent = watched.checks * CHECK_S
            limit = START_TIMEOUT_S if beat is None else self.settings.hang_timeout_s + BEAT_S
            if self.settings.hang_timeout_s and silent > limit:
                _log.error("worker %d has given no sign of life for %.0f s: it is killed", pid, silent)
                watched.checks = 0
                _kill(pid)

    def _refuse(self) -> None:
        for listening in self.sockets.values():
            try:
                listening.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                _log.debug("the socket was closed before: %s", error)


def supervise(settings: Settings) -> None:
    """Have BentoML, which is about to start the workers, use the supervisor for an arbiter."""
    Supervisor.settings = settings
    replace_arbiter(Supervisor)
    # As process 1 of a container this one has no default action; until the arbiter listens, this is what ends it.
    signal.signal(signal.SIGTERM, _leave)


def _leave(signum: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signum)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        _log.debug("worker %d was gone before", pid)
