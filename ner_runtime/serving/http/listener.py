"""Listener: accepts connections so that all workers have about equally many.

The workers share one listening socket. An event loop accepts every waiting connection at once, so that one of two
workers gets 15 of 16 clients that connect together and the other one is idle. A listener accepts one connection at a
time; a worker that has more connections than another one waits for `YIELD_S` first, so that the other one can accept
it. The numbers of connections are in a file that the workers map into memory.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import mmap
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from ssl import SSLContext
from typing import Any

from ner_runtime.upstream.private import auto_loop_factory

YIELD_S = 0.005
"""How long a worker leaves a new connection to workers that have fewer connections."""
MOST_AFTER_YIELD = 8
"""Maximum number of connections that a worker accepts after it has waited for the others. It accepts one at first, and
twice as many each time the others have accepted none: a worker with fewer connections may be busy or have ended."""
RETRY_S = 1.0
"""How long a worker waits after an error, such as too many open files, before it accepts again; as in asyncio."""
_CLOSED = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK)
_SLOTS = 1024
_log = logging.getLogger("raner.listener")
# Of a slot: 4 bytes.
_NOT_LISTENING = 0


class OpenConnections:
    """The numbers of open connections of this worker and of the others."""

    def __init__(self) -> None:
        self._number = 0
        self._table: memoryview | None = None
        self._slot = 0

    def share(self, file: Path, slot: int) -> None:
        """Share the numbers with the other workers.

        Args:
            file: a file that all workers use; it is created if it does not exist
            slot: the position of this worker in the file; other positions than 0 to 1023 share nothing
        """
        if not 0 <= slot < _SLOTS:
            return
        with file.open("a+b") as opened:
            opened.truncate(4 * _SLOTS)
            self._table = memoryview(mmap.mmap(opened.fileno(), 4 * _SLOTS)).cast("I")
        self._slot = slot
        self._table[slot] = _NOT_LISTENING

    def listen(self) -> None:
        """Tell the other workers that this one accepts connections."""
        self.add(0)

    def stop_listening(self) -> None:
        """Tell the other workers that this one accepts no connections."""
        table, self._table = self._table, None
        if table is not None:
            table[self._slot] = _NOT_LISTENING

    def add(self, number: int) -> None:
        """Count connections that were opened, or, with a negative number, closed."""
        self._number = max(0, self._number + number)
        if self._table is not None:
            self._table[self._slot] = self._number + 1

    def exceed_another(self) -> bool:
        """Whether another worker that accepts connections has fewer than this one."""
        table = self._table
        if table is None:
            return False
        return any(_NOT_LISTENING < other <= self._number for other in table)


OPEN_CONNECTIONS = OpenConnections()
"""The connections of this process."""


class Listener(asyncio.AbstractServer):
    """Accepts the connections of one socket; takes the place of the server that `loop.create_server` returns."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        listening: socket.socket,
        ssl: SSLContext | None = None,
        connections: OpenConnections = OPEN_CONNECTIONS,
    ) -> None:
        """Accept connections from now on.

        Args:
            loop: the event loop
            protocol_factory: makes the protocol of a connection; the protocol reports its connection to `connections`
            listening: a socket that listens
            ssl: for TLS connections
            connections: the numbers of open connections
        """
        self._loop = loop
        self._protocol_factory = protocol_factory
        self._socket: socket.socket | None = listening
        self._ssl = ssl
        self._connections = connections
        self._retry: asyncio.TimerHandle | None = None
        self._after_yield = 1
        self._tasks = set[asyncio.Task[None]]()
        listening.setblocking(False)
        connections.listen()
        self._watch()

    def close(self) -> None:
        """Accept no more connections, and close the socket."""
        if self._socket is None:
            return
        self._loop.remove_reader(self._socket)
        if self._retry is not None:
            self._retry.cancel()
        self._socket.close()
        self._socket = None
        self._connections.stop_listening()

    async def wait_closed(self) -> None:
        """Wait for the connections that were just accepted."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def is_serving(self) -> bool:
        return self._socket is not None

    def _watch(self) -> None:
        assert self._socket is not None  # noqa: S101
        self._retry = None
        self._loop.add_reader(self._socket, self._readable)

    def _readable(self) -> None:
        """Accept a connection now, or after other workers had time to accept it."""
        if not self._connections.exceed_another():
            self._after_yield = 1
            self._accept()
            return
        self._pause(YIELD_S, self._accept_and_watch)

    def _accept_and_watch(self) -> None:
        self._watch()
        for _ in range(self._after_yield):
            if not self._accept():
                self._after_yield = 1
                return
        self._after_yield = min(2 * self._after_yield, MOST_AFTER_YIELD)

    def _accept(self) -> bool:
        """Accept a connection; return whether there was one."""
        assert self._socket is not None  # noqa: S101
        try:
            accepted, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            # Another worker was faster, or the client is gone.
            return False
        except OSError as error:
            if error.errno in _CLOSED:
                # The supervisor has shut the socket down.
                self.close()
            else:
                # Linux also reports errors of the network here, which concern one connection.
                _log.warning("a connection cannot be accepted: %s", error.strerror)
                self._pause(RETRY_S, self._watch)
            return False
        accepted.setblocking(False)
        # Counted at once: the next connection may be accepted before the protocol reports this one.
        self._connections.add(1)
        task = self._loop.create_task(self._connect(accepted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _connect(self, accepted: socket.socket) -> None:
        try:
            # The client may be gone, or the TLS handshake may fail.
            with suppress(OSError):
                await self._loop.connect_accepted_socket(self._protocol_factory, accepted, ssl=self._ssl)
        finally:
            # From now on, the protocol counts the connection.
            self._connections.add(-1)

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        assert self._socket is not None  # noqa: S101
        # The socket stays readable: without this, the loop would call `_readable` all the time.
        self._loop.remove_reader(self._socket)
        self._retry = self._loop.call_later(seconds, then)


def loop_factory(use_subprocess: bool = False) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return a function that makes the event loop of uvicorn: `uvicorn.loops.auto`, but sockets get a `Listener`."""
    make = auto_loop_factory(use_subprocess)

    def make_loop() -> asyncio.AbstractEventLoop:
        loop = make()
        loop.create_server = partial(_create_server, loop, loop.create_server)  # type: ignore[method-assign]
        return loop

    return make_loop


async def _create_server(
    loop: asyncio.AbstractEventLoop,
    create_server: Callable[..., Any],
    protocol_factory: Callable[[], asyncio.BaseProtocol],
    *address: Any,
    sock: socket.socket | None = None,
    ssl: SSLContext | None = None,
    backlog: int = 100,
    **options: Any,
) -> asyncio.AbstractServer:
    if sock is None or options:
        server: asyncio.AbstractServer = await create_server(
            protocol_factory, *address, sock=sock, ssl=ssl, backlog=backlog, **options
        )
        return server
    sock.listen(backlog)
    return Listener(loop, protocol_factory, sock, ssl)
