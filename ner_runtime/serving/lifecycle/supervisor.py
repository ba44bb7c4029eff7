"""Supervisor: the parent process, which starts the workers and replaces those that die or hang.

BentoML's own arbiter checks its workers every ten seconds, and in a container (`BENTOML_CONTAINERIZED`, set in every
image that BentoML generates) not at all. The supervisor always checks every second. It also kills
workers whose heartbeat has stopped, exits with a one-line message if workers cannot start, and limits how long they may
take to shut down.
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

from ner_runtime.serving.lifecycle.heartbeat import (
    HEARTBEAT_S,
    RUN_DIR,
    SUPERVISOR_PID,
    heartbeat_file,
    last_heartbeat,
)
from ner_runtime.serving.telemetry.logs import flush_logs
from ner_runtime.settings import Settings
from ner_runtime.upstream.private import Arbiter, ConflictError, IOLoop, Watcher, replace_arbiter

CHECK_S = 1.0
START_TIMEOUT_S = 300.0
"""A worker is considered hung if it does not send its first heartbeat within this time."""
MAX_FAILED_STARTS = 3
"""The service gives up when this many workers in a row exit before they are ready, and no other worker is ready."""
MAX_BACKOFF_S = 30.0
KILL_DELAY_S = 2.0
"""How long after the end of its grace time a worker is killed."""
_STOP_RETRY_S = 0.1

_log = logging.getLogger("raner.supervisor")
_circus_log = logging.getLogger("circus")


@dataclass(slots=True)
class _WorkerState:
    """The last heartbeat of a worker, and the number of checks since then."""

    heartbeat: int | None = None
    checks: int = 0


class Supervisor(Arbiter):
    """The arbiter that starts and checks the workers; `use_supervisor` makes BentoML use it."""

    settings: Settings

    def __init__(self, watchers: Sequence[Watcher], *args: Any, **kwargs: Any) -> None:
        super().__init__(watchers, *args, **{**kwargs, "check_delay": CHECK_S})
        self._run_dir = Path(tempfile.mkdtemp(prefix="raner-"))
        self._workers: dict[int, _WorkerState] = {}
        self._wanted = {watcher.name: watcher.numprocesses for watcher in watchers}
        self._failed_starts = 0
        self._backoff_s = 0.0
        self._failure: str | None = None
        # BentoML's metrics directory is shared by all services of a host, and each empties it when it starts.
        self._metrics_dir = self._run_dir / "metrics"
        self._metrics_dir.mkdir()
        for watcher in watchers:
            watcher.respawn = True
            watcher.graceful_timeout = self.settings.grace_s + KILL_DELAY_S
            variables = {RUN_DIR: str(self._run_dir), SUPERVISOR_PID: str(os.getpid())}
            variables["PROMETHEUS_MULTIPROC_DIR"] = str(self._metrics_dir)
            watcher.env = {**(watcher.env or {}), **variables}
            watcher.hooks |= {"after_spawn": self._on_start, "after_reap": self._on_exit}

    def start(self, cb: Callable[[Any], Any] | None = None) -> None:
        """Serve until a signal stops the process.

        Raises:
            SystemExit: the port is taken, or the workers cannot start; the message is one line.
        """
        try:
            super().start(cb)
        except OSError as error:
            addresses = ", ".join(f"{listening.host}:{listening.port}" for listening in self.sockets.values())
            problem = f"cannot listen on {addresses}: {error.strerror or error}"
            raise SystemExit(f"raner: {problem}; RANER_PORT is the port") from None
        finally:
            shutil.rmtree(self._run_dir, ignore_errors=True)
            # Flushed before the message of SystemExit, which refers to the log lines above it.
            flush_logs()
        if self._failure:
            raise SystemExit(f"raner: {self._failure}")

    def initialize(self) -> None:
        """Bind the sockets. Suppresses circus's messages about a port that is taken, because `start` reports that."""
        _circus_log.disabled = True
        try:
            super().initialize()
        finally:
            _circus_log.disabled = False

    def stop(self) -> Any:
        """Stop the workers; `shutdown.py` describes how a worker shuts down."""
        try:
            stopped = super().stop()
        except ConflictError:
            # circus refuses to stop during a check; without a retry the signal would be lost.
            IOLoop.current().call_later(_STOP_RETRY_S, self.stop)
            return None
        IOLoop.current().call_later(self.settings.drain_s, self._stop_listening)
        return stopped

    def manage_watchers(self) -> Any:
        """Check the workers and start missing ones; called every `CHECK_S` seconds."""
        self._restore_run_dir()
        self.reap_processes()
        for watcher in self.watchers:
            # During a backoff, a worker is replaced only if none is left.
            watcher.numprocesses = self._wanted[watcher.name] if self._backoff_s <= 0 else max(1, len(watcher))
        self._backoff_s -= CHECK_S
        try:
            managed = super().manage_watchers()
        except ConflictError:
            # circus replaces the workers after a SIGHUP.
            managed = None
        self._check_heartbeats()
        return managed

    def _restore_run_dir(self) -> None:
        """Create the run directory again if it was removed, as by a cleanup of /tmp: no worker starts without it."""
        if self._metrics_dir.is_dir():
            return
        _log.error("%s was removed; the metrics of the workers that run now are lost", self._run_dir)
        try:
            self._run_dir.mkdir(mode=0o700, exist_ok=True)
            self._metrics_dir.mkdir()
        except OSError as error:
            _log.error("%s cannot be created: %s", self._run_dir, error.strerror)

    def _on_start(self, *, pid: int, **_hook: Any) -> bool:
        self._workers[pid] = _WorkerState()
        return True

    def _on_exit(self, *, watcher: Watcher, process_pid: int, exit_code: int, **_hook: Any) -> None:
        how = f"was killed by signal {-exit_code}" if exit_code < 0 else f"exited with status {exit_code}"
        self._remove_worker(process_pid, how, watcher.is_stopping())

    def _remove_worker(self, pid: int, how: str, is_stopping: bool) -> None:
        """Remove the files of a worker that has ended, and report it unless the service stops."""
        state = self._workers.pop(pid, None)
        heartbeat_file(self._run_dir, pid).unlink(missing_ok=True)
        mark_process_dead(pid, str(self._metrics_dir))
        if is_stopping:
            return
        _log.warning("worker %d %s; a new one is started", pid, how)
        if state is None or state.heartbeat is None:
            self._failed_starts += 1
            self._backoff_s = min(MAX_BACKOFF_S, 2.0**self._failed_starts)
        if self._failed_starts >= MAX_FAILED_STARTS and not any(other.heartbeat for other in self._workers.values()):
            self._failure = "the workers cannot start; see the log lines above"
            self.stop()

    def _check_heartbeats(self) -> None:
        alive = {pid for watcher in self.watchers for pid in watcher.processes}
        for pid in self._workers.keys() - alive:
            # circus calls no hook for a worker that ends during its check, or that is replaced after a SIGHUP.
            self._remove_worker(pid, "ended", any(watcher.is_stopping() for watcher in self.watchers))
        for pid, state in self._workers.items():
            heartbeat = last_heartbeat(self._run_dir, pid)
            if heartbeat != state.heartbeat:
                state.heartbeat, state.checks = heartbeat, 0
                self._failed_starts = 0
                continue
            state.checks += 1
            # Counted in checks and not by a clock: while the supervisor is paused with its workers, no check runs.
            silent_s = state.checks * CHECK_S
            limit_s = START_TIMEOUT_S if heartbeat is None else self.settings.hang_timeout_s + HEARTBEAT_S
            if self.settings.hang_timeout_s and silent_s > limit_s:
                _log.error("worker %d has sent no heartbeat for %.0f s; it is killed", pid, silent_s)
                state.checks = 0
                _kill(pid)

    def _stop_listening(self) -> None:
        for listening in self.sockets.values():
            try:
                listening.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                _log.debug("the socket is closed already: %s", error)


def use_supervisor(settings: Settings) -> None:
    """Make BentoML start the workers under the supervisor; call it before BentoML starts them."""
    Supervisor.settings = settings
    replace_arbiter(Supervisor)
    # SIGTERM has no default action in process 1 of a container. The arbiter installs its own handler later.
    signal.signal(signal.SIGTERM, _exit_on_signal)


def _exit_on_signal(signum: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signum)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        _log.debug("worker %d has exited already", pid)
