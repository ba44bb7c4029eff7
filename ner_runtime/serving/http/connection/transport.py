"""What uvicorn's protocol uses to write, to close the connection, and to stop reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sized
from typing import Any, Protocol

from ner_runtime.upstream.private import FlowControl


class Connection(Protocol):
    """The protocol of the connection, which decides when to close it."""

    @property
    def pipeline(self) -> Sized:
        """The requests that wait for the response to an earlier one."""
        ...

    def close(self) -> None:
        """Close the connection, at once or later."""
        ...

    def is_closing(self) -> bool:
        """Whether the connection takes no more requests."""
        ...


class ConnectionTransport:
    """A transport that leaves it to the protocol when to close the connection."""

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        self._transport = transport
        self.write: Callable[[bytes], None] = transport.write
        self.close = connection.close
        self.is_closing = connection.is_closing

    def discard_writes(self) -> None:
        """Discard what is written from now on: the connection is closed, and requests may still be in progress."""
        self.write = _discard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class PipelineFlow(FlowControl):
    """Flow control that stops reading while pipelined requests are waiting."""

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        super().__init__(transport)
        self._connection = connection

    def resume_reading(self) -> None:
        if not self._connection.pipeline:
            super().resume_reading()


def _discard(_data: bytes) -> None:
    pass
