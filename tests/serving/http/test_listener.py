"""Connections are shared evenly between the workers, and none is lost."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from ner_runtime.serving.http.listener import Listener, OpenConnections, loop_factory

CLIENTS = 16


class Connection(asyncio.Protocol):
    """Counts itself, as the service's protocol does."""

    def __init__(self, connections: OpenConnections) -> None:
        self.connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.connections.add(1)
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.add(-1)


class Worker:
    """A worker that accepts connections from a socket that it shares."""

    def __init__(self, listening: socket.socket, file: Path, slot: int) -> None:
        self.connections = OpenConnections()
        self.connections.share(file, slot)
        self.accepted = 0
        self.address = listening.getsockname()
        self.listener = Listener(asyncio.get_running_loop(), self.accept, listening, connections=self.connections)

    def accept(self) -> Connection:
        self.accepted += 1
        return Connection(self.connections)


@pytest.fixture
def listening() -> Generator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=CLIENTS) as listening:
        yield listening


async def connect(listening: socket.socket) -> None:
    """Open connections at the same time, wait until each has been accepted, and close them."""
    opened = await asyncio.gather(*(asyncio.open_connection(*listening.getsockname()) for _ in range(CLIENTS)))
    for reader, _ in opened:
        assert await reader.readexactly(5) == b"hello"
    for _, writer in opened:
        writer.close()
        await writer.wait_closed()


@pytest.mark.anyio
async def test_workers_get_equally_many_connections(listening: socket.socket, tmp_path: Path) -> None:
    workers = [Worker(listening.dup(), tmp_path / "connections", slot) for slot in (1, 2)]
    await connect(listening)
    assert all(abs(worker.accepted - CLIENTS // 2) <= 1 for worker in workers)
    for worker in workers:
        worker.listener.close()


@pytest.mark.anyio
async def test_a_worker_that_does_not_accept_costs_no_connection(listening: socket.socket, tmp_path: Path) -> None:
    hung = OpenConnections()
    hung.share(tmp_path / "connections", 2)
    hung.listen()
    worker = Worker(listening.dup(), tmp_path / "connections", 1)
    await connect(listening)
    assert worker.accepted == CLIENTS
    worker.listener.close()


def test_only_workers_that_accept_connections_are_compared(tmp_path: Path) -> None:
    one, other = OpenConnections(), OpenConnections()
    for slot, connections in enumerate((one, other)):
        connections.share(tmp_path / "connections", slot)
    one.add(1)
    assert not one.exceed_another()
    other.listen()
    assert one.exceed_another()
    other.add(1)
    assert not one.exceed_another()
    other.add(-1)
    assert one.exceed_another()
    other.stop_listening()
    assert not one.exceed_another()


def test_a_worker_that_takes_the_place_of_a_killed_one_starts_anew(tmp_path: Path) -> None:
    killed, one = OpenConnections(), OpenConnections()
    killed.share(tmp_path / "connections", 1)
    killed.listen()
    one.share(tmp_path / "connections", 2)
    one.add(3)
    assert one.exceed_another()
    OpenConnections().share(tmp_path / "connections", 1)
    assert not one.exceed_another(), "it does not accept connections before it has loaded its model"


@pytest.mark.anyio
async def test_a_socket_that_was_shut_down_ends_the_listener(listening: socket.socket, tmp_path: Path) -> None:
    worker = Worker(listening.dup(), tmp_path / "connections", 1)
    listening.shutdown(socket.SHUT_RDWR)
    while worker.listener.is_serving():
        await asyncio.sleep(0.01)
    worker.listener.close()
    await worker.listener.wait_closed()


class FailingSocket(socket.socket):
    """A listening socket of which the first `accept` fails, as on Linux if the network of a client has failed."""

    failed = False

    def accept(self) -> tuple[socket.socket, Any]:
        if not self.failed:
            type(self).failed = True
            raise OSError(errno.EPROTO, "Protocol error")
        return super().accept()


@pytest.mark.anyio
async def test_an_error_of_one_connection_does_not_end_the_listener(
    listening: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ner_runtime.serving.http.listener.RETRY_S", 0)
    worker = Worker(FailingSocket(fileno=listening.detach()), tmp_path / "connections", 1)
    address = worker.address
    reader, writer = await asyncio.open_connection(*address)
    assert await reader.readexactly(5) == b"hello"
    assert FailingSocket.failed
    writer.close()
    worker.listener.close()


def test_uvicorn_serves_with_a_listener(listening: socket.socket) -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        """Never called."""

    async def start() -> list[type]:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup([listening])
        kinds = [type(one) for one in server.servers]
        await server.shutdown()
        return kinds

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        assert runner.run(start()) == [Listener]
