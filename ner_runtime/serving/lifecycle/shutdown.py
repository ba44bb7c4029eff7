"""Shutdown: how a worker leaves when it is told to (SIGTERM).

    SIGTERM ─▶ not ready, still answering ─▶ listening no more, finishing ─▶ gone
               for `drain_s`                 until `grace_s` after SIGTERM

The first stretch is what a load balancer needs to notice; each answer in it closes its connection, so that who comes
again goes elsewhere.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FLUSH_S = 0.3
"""Time for the last answers to get out."""
CLOSE_S = 0.2
"""The supervisor closes the door at the end of the drain, and only then do the workers stop opening it: whoever has
come in is answered, whoever has not is refused, and nobody is left standing between."""

_Handler = Callable[[int, FrameType | None], object]


class Shutdown:
    """Whether this worker is on its way out, and the way out."""

    def __init__(self, drain_s: float, grace_s: float) -> None:
        self._drain_s = drain_s
        self._grace_s = grace_s
        self.begun = False

    def on_signal(self, give_up: Callable[[], None]) -> None:
        """Take SIGTERM over from the server around us, which would stop listening at once.

        Args:
            give_up: called when the grace time is over, to answer what is still in flight
        """
        server_exit = signal.getsignal(signal.SIGTERM)
        if not callable(server_exit):
            # Nobody would listen to it: the default action ends the process, and that is that.
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._begin, loop, server_exit, give_up)

    def _begin(self, loop: asyncio.AbstractEventLoop, server_exit: _Handler, give_up: Callable[[], None]) -> None:
        if self.begun:
            return
        self.begun = True
        loop.call_later(self._drain_s + CLOSE_S, server_exit, signal.SIGTERM, None)
        loop.call_later(self._grace_s - FLUSH_S, give_up)
        loop.call_later(self._grace_s, os._exit, 0)

    async def now(self, code: int) -> NoReturn:
        """Leave as soon as the last answers are out."""
        self.begun = True
        await asyncio.sleep(FLUSH_S)
        os._exit(code)


class CloseConnections:
    """ASGI application around another one: from the departure on, each answer closes its connection."""

    def __init__(self, app: ASGIApp, departure: Shutdown) -> None:
        self._app = app
        self._departure = departure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def closing(message: Message) -> None:
            if self._departure.begun and message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                headers["connection"] = "close"
                message = {**message, "headers": headers.raw}
            await send(message)

        await self._app(scope, receive, closing)
