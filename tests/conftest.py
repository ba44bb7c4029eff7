from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
from hypothesis import settings

from ner_runtime import Recognizer
from ner_runtime.cpus import available_cpus
from ner_runtime.embedded import embedded_model
from tests.support.servers.service import PATIENCE_S, Server, serve

# Examples are checked for what they show, never for how long they take: the machine may be busy.
settings.register_profile("raner", deadline=None)
settings.load_profile("raner")

MAX_PROCESSES = 4
"""Each process of `make test PROCESSES=auto` starts a service and a browser of its own, which need memory."""

if "PYTEST_XDIST_WORKER" in os.environ:
    # One process a CPU: more threads of PyTorch would wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes for `pytest -n auto`: the CPUs that this process may use, at most four."""
    return min(available_cpus(), MAX_PROCESSES)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of tests that are marked `anyio`."""
    return "asyncio"


@pytest.fixture(scope="session")
def recognizer() -> Recognizer:
    """The embedded model."""
    return Recognizer.open(embedded_model())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """The real service, with the embedded model and one worker."""
    log: Path = tmp_path_factory.mktemp("service") / "service.log"
    with serve(log, RANER_WORKERS="1", RANER_THREADS="1", RANER_TIMEOUT_S=str(PATIENCE_S)) as server:
        yield server


@pytest.fixture(scope="session")
def service_url(server: Server) -> str:
    return server.url


@pytest.fixture(scope="session")
def client(server: Server) -> Generator[httpx.Client]:
    with server.client() as client:
        yield client
