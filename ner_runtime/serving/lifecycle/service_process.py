"""Run the service of this checkout as a child process, for `raner bench`, the load test and the tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from ner_runtime.errors import RanerError

ROOT = Path(__file__).resolve().parents[3]
"""The directory that holds `service.py`."""

START_TIMEOUT_S = 120
_STOP_TIMEOUT_S = 15
_POLL_S = 0.2

# The service listens on this host, so proxies that the environment names must not be used.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServiceNotReady(RanerError):
    """The service did not start, or did not become ready in time."""

    code = "service_not_ready"


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A running service: its URL and its parent process."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def service_process(
    settings: Mapping[str, str],
    *,
    environment: Mapping[str, str] | None = None,
    target: str = "service:Raner",
    directory: Path = ROOT,
    log: Path | None = None,
) -> Generator[ServiceProcess]:
    """Start the service on a free port, wait until it is ready, and stop it when the block ends.

    Args:
        settings: `RANER_*` variables; they override those of `environment`.
        environment: environment of the service; by default that of this process.
        target: the service that `bentoml serve` loads from `directory`.
        log: a file for the output of the service.

    Raises:
        ServiceNotReady: there is no `service.py` in `directory`, or the service does not start.
    """
    if not (directory / "service.py").is_file() and target.startswith("service:"):
        raise ServiceNotReady(f"there is no service.py in {directory}; pass the URL of a running service with --url")
    port = free_port()
    variables = {**(os.environ if environment is None else environment), "BENTOML_DO_NOT_TRACK": "True"}
    with log.open("w+b") if log else tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - the arguments come from this code base
            [sys.executable, "-m", "bentoml", "serve", target],
            cwd=directory,
            env={**variables, **settings, "RANER_PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, START_TIMEOUT_S, process, output)
            yield ServiceProcess(url, process)
        finally:
            stop(process)


def wait_until_ready(
    url: str, timeout_s: float, process: subprocess.Popen[bytes] | None = None, log: IO[bytes] | None = None
) -> None:
    """Wait until `/readyz` of a service responds with 200.

    Args:
        process: the process of the service, if this process started it.
        log: the output of that process.

    Raises:
        ServiceNotReady: the service is not ready in time, or its process has ended.
    """
    deadline = time.monotonic() + timeout_s
    while process is None or process.poll() is None:
        try:
            _OPENER.open(f"{url}/readyz", timeout=5).close()
            return
        except (OSError, ValueError) as error:
            if time.monotonic() > deadline:
                raise ServiceNotReady(f"{url} is not ready: {error}") from None
            time.sleep(_POLL_S)
    raise ServiceNotReady(f"the service did not start: {_reason(log)}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a service with SIGTERM, and with SIGKILL if it has not ended after 15 seconds."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """Return a free TCP port of the loopback interface."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def exit_on_sigterm() -> None:
    """Exit through the `finally` blocks on SIGTERM, so that the service of `service_process` is stopped too."""
    signal.signal(signal.SIGTERM, _exit)


def _exit(number: int, _frame: FrameType | None) -> None:
    # A second signal, as from `timeout`, must not interrupt the `finally` blocks.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


def _reason(log: IO[bytes] | None) -> str:
    """Return the line of the log that names the error, or else the last line."""
    if log is None:
        return "its process has ended"
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return next((line for line in lines if line.startswith("raner:")), lines[-1] if lines else "it printed nothing")
