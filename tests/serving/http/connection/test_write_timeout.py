"""Write timeout: a client that does not read loses its connection, and one that reads slowly does not."""

from __future__ import annotations

import asyncio

import pytest

from ner_runtime.serving.http.connection import write_timeout
from ner_runtime.serving.http.connection.write_timeout import WriteTimeout
from tests.support.http.raw_http import RawConnection, post

# More than the system buffers between two sockets.
LARGE = b"".join(post("/a", b"x" * 20_000_000))


def test_a_client_that_does_not_read_loses_its_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_timeout, "WRITE_TIMEOUT_S", 0.01)
    with RawConnection(url) as connection, pytest.raises(ConnectionError):
        # The server stops reading while it waits to write.
        connection.send(*[LARGE] * 10)


class _Transport(asyncio.Transport):
    """A transport with a given number of bytes to write, each time it is asked."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.sizes = list(sizes)
        self.aborted = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        return self.sizes.pop(0)

    def abort(self) -> None:
        self.aborted.set()


async def _watch(transport: _Transport) -> None:
    WriteTimeout(transport, asyncio.get_running_loop()).begin()
    await transport.aborted.wait()


def test_the_connection_is_kept_while_the_client_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_timeout, "WRITE_TIMEOUT_S", 0)
    # Asked twice for each step: whether the client has read, and from where to go on.
    transport = _Transport(9, 8, 8, 7, 7, 7, 5)
    asyncio.run(_watch(transport))
    assert transport.sizes == [5]


def test_a_connection_without_waiting_bytes_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_timeout, "WRITE_TIMEOUT_S", 0)

    async def begin(transport: _Transport) -> None:
        WriteTimeout(transport, asyncio.get_running_loop()).begin()
        # A timer of 0 s would be due in the next iteration of the loop.
        for _ in range(3):
            await asyncio.sleep(0)

    transport = _Transport(0, 0)
    asyncio.run(begin(transport))
    assert transport.sizes == [0]
    assert not transport.aborted.is_set()
