"""The real service as a process of its own, for tests that speak HTTP to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

REPOSITORY = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 90


@dataclass(frozen=True)
class Server:
    """A running service: where it listens, and the file that its output goes to."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def client(self) -> httpx.Client:
        # trust_env: a proxy in the environment is no way to a server on this host.
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def bentoml(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bentoml", *arguments]


def environment(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RANER_")}
    return {**kept, "BENTOML_DO_NOT_TRACK": "True", "RANER_DRAIN_S": "0", **settings}


@contextmanager
def serve(log: Path, *, target: str = "service:Raner", folder: Path = REPOSITORY, **settings: str) -> Generator[Server]:
    """Start the service with the given settings, wait until it is ready, and stop it afterwards."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            bentoml("serve", target),
            cwd=folder,
            env=environment(RANER_PORT=str(port), **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        server = Server(f"http://127.0.0.1:{port}", log, process)
        _wait_until_ready(server)
        yield server
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    with server.client() as client:
        while time.monotonic() < deadline and server.process.poll() is None:
            try:
                if client.get("/readyz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
    raise AssertionError(f"the service did not start:\n{server.log.read_text()}")
