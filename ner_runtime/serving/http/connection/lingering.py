"""Lingering close: discard the rest of a request body before a connection is closed.

Otherwise a client that sends the body before it reads may get a reset and no response; "lingering close" in nginx.
"""

from __future__ import annotations

import asyncio

MAX_DISCARDED_BYTES = 268_435_456
"""Maximum size of the rest of a body that is read and discarded after the response."""
LINGER_S = 30.0
"""How long the rest of a body is discarded before the connection is closed."""
LINGER_IDLE_S = 5.0
"""The connection is closed earlier if no bytes arrive for this long."""


class LingeringClose:
    """Discards what arrives on a connection after a response, and closes the connection in time."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Discard nothing yet."""
        self._transport = transport
        self._loop = loop
        self._discarded = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ends = 0.0
        self.has_begun = False

    def begin(self) -> None:
        """Close the connection as soon as the client has closed it, or after a while."""
        self.has_begun = True
        self._ends = self._loop.time() + LINGER_S
        self._limit_idleness()
        if self._transport.can_write_eof():
            # Tells the client at once that the response is complete.
            self._transport.write_eof()

    def discard(self, size: int) -> None:
        """Count bytes of a body that are discarded. Close the connection if they are too many or too late."""
        self._discarded += size
        if self._discarded > MAX_DISCARDED_BYTES or (self.has_begun and self._loop.time() > self._ends):
            self._transport.close()
        elif self.has_begun:
            self._limit_idleness()

    def end_body(self) -> None:
        """Start to count the bytes of the next body."""
        self._discarded = 0

    def cancel(self) -> None:
        """Cancel the timer: the connection is closed."""
        if self._timer is not None:
            self._timer.cancel()

    def _limit_idleness(self) -> None:
        self.cancel()
        self._timer = self._loop.call_later(LINGER_IDLE_S, self._transport.close)
