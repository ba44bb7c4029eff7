"""The real service as a process of its own, for tests that speak HTTP to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from ner_runtime.serving.lifecycle.service_process import ROOT, ServiceNotReady, free_port, service_process, stop

__all__ = ["PATIENCE_S", "REPOSITORY", "Server", "bentoml", "environment", "free_port", "serve", "stop"]

REPOSITORY = ROOT
PATIENCE_S = 600
"""How long tests wait for a response or for the end of a command, in seconds. Only what hangs takes longer, even if the
machine is busy."""


@dataclass(frozen=True)
class Server:
    """A running service: where it listens, and the file that its output goes to."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def client(self) -> httpx.Client:
        # trust_env: a proxy in the environment is no way to a server on this host.
        return httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)


def bentoml(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bentoml", *arguments]


def environment(**settings: str) -> dict[str, str]:
    """The environment of this process without its `RANER_*` variables, and with `settings`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RANER_")}
    return {**kept, "BENTOML_DO_NOT_TRACK": "True", "RANER_DRAIN_S": "0", **settings}


@contextmanager
def serve(log: Path, *, target: str = "service:Raner", folder: Path = REPOSITORY, **settings: str) -> Generator[Server]:
    """Start the service with the given settings, wait until it is ready, and stop it afterwards."""
    try:
        with service_process(settings, environment=environment(), target=target, directory=folder, log=log) as service:
            yield Server(service.url, log, service.process)
    except ServiceNotReady as error:
        raise AssertionError(f"{error}\n{log.read_text()}") from None
