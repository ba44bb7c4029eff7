"""The service beside this folder, as a process of its own, where no running one is named."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 120
# A proxy in the environment is no way to a server on this host.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotRunning(Exception):
    """There is no service, or it does not get ready; the message is one line."""


@contextmanager
def own_service(**settings: str) -> Generator[tuple[str, int]]:
    """Start the service, and stop it afterwards; gives its URL and the id of its first process.

    The texts of the load test come again and again, those of real users seldom do: unless `RANER_CACHE_URL` is set, it
    runs without a cache, so that the model is what is measured.

    Raises:
        NotRunning
    """
    if not (ROOT / "service.py").is_file():
        raise NotRunning("there is no service.py here; name a running service with --url")
    # So that the service is stopped too where this process is told to end.
    signal.signal(signal.SIGTERM, _end)
    port = _free_port()
    changed = {
        "RANER_CACHE_URL": os.environ.get("RANER_CACHE_URL", "off"),
        "RANER_PORT": str(port),
        "BENTOML_DO_NOT_TRACK": "True",
        **settings,
    }
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", "service:Raner"],
            cwd=ROOT,
            env={**os.environ, **changed},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, START_TIMEOUT_S, process, log)
            yield url, process.pid
        finally:
            _stop(process)


def wait_until_ready(
    url: str, timeout_s: float, process: subprocess.Popen[bytes] | None = None, log: IO[bytes] | None = None
) -> None:
    """Return once the service answers `/readyz`.

    Raises:
        NotRunning: it does not in time, or its process has ended.
    """
    end = time.monotonic() + timeout_s
    while process is None or process.poll() is None:
        try:
            _OPENER.open(f"{url}/readyz", timeout=5).close()
            return
        except (OSError, ValueError) as error:
            if time.monotonic() > end:
                raise NotRunning(f"{url} is not ready: {error}") from None
            time.sleep(0.2)
    raise NotRunning(f"the service did not start: {_last_line(log)}")


def _last_line(log: IO[bytes] | None) -> str:
    if log is None:
        return ""
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return next((line for line in lines if line.startswith("raner:")), lines[-1] if lines else "no word of it")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
