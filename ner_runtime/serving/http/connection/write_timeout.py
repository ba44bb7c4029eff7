"""Write timeout: abort a connection whose client reads nothing of what was written.

Otherwise its responses stay in memory, and a request that waits to write its response counts as in flight, as long as
the client keeps the connection open.
"""

from __future__ import annotations

import asyncio

WRITE_TIMEOUT_S = 60.0
"""How long a client may read nothing while bytes are waiting for it; nginx has the same default (`send_timeout`)."""


class WriteTimeout:
    """Checks that the client of one connection reads."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Prepare the checks of a connection; `begin` starts them."""
        self._transport = transport
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Check from now on, if bytes are waiting, until there are none or `end` is called."""
        if self._timer is None:
            self._watch()

    def end(self) -> None:
        """Stop checking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self) -> None:
        waiting = self._transport.get_write_buffer_size()
        self._timer = self._loop.call_later(WRITE_TIMEOUT_S, self._check, waiting) if waiting else None

    def _check(self, before: int) -> None:
        if self._transport.get_write_buffer_size() < before:
            self._watch()
        else:
            self._transport.abort()
