"""Graceful shutdown of a worker on SIGTERM.

    SIGTERM ─▶ /readyz responds 503, requests are served ─▶ no new connections, requests finish ─▶ process exits
               for `drain_s`                                until `grace_s` after SIGTERM

A load balancer needs the drain time to notice that the worker is not ready. Each response during the drain time closes
its connection, so that the client opens its next one to another instance.
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

from ner_runtime.serving.telemetry.deferred import DEFERRED
from ner_runtime.serving.telemetry.logs import flush_logs
from ner_runtime.serving.telemetry.metrics import observe_worker

FLUSH_S = 0.3
"""Time to send the last responses before the process exits."""
CLOSE_S = 0.2
"""How long after the drain time a worker stops accepting connections. The supervisor shuts the listening socket down at
the end of the drain time; accepting a little longer serves the connections that are already in its queue."""

_SignalHandler = Callable[[int, FrameType | None], object]


class Shutdown:
    """The shutdown of this worker: whether it has begun, and its steps."""

    def __init__(self, drain_s: float, grace_s: float) -> None:
        self._drain_s = drain_s
        self._grace_s = grace_s
        self.begun = False

    def handle_sigterm(self, refuse_requests: Callable[[], None]) -> None:
        """Handle SIGTERM in place of uvicorn, which would stop accepting connections at once.

        Args:
            refuse_requests: responds to all requests in flight with 503; called when the grace time is over
        """
        server_exit = signal.getsignal(signal.SIGTERM)
        if not callable(server_exit):
            # No server runs in this process: keep the default action, which ends it.
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._begin, loop, server_exit, refuse_requests)

    def _begin(
        self, loop: asyncio.AbstractEventLoop, server_exit: _SignalHandler, refuse_requests: Callable[[], None]
    ) -> None:
        if self.begun:
            return
        self._mark_begun()
        loop.call_later(self._drain_s + CLOSE_S, server_exit, signal.SIGTERM, None)
        loop.call_later(self._grace_s - FLUSH_S, refuse_requests)
        loop.call_later(self._grace_s, _exit, 0)

    async def exit_now(self, code: int) -> NoReturn:
        """End the process as soon as the last responses are sent."""
        self._mark_begun()
        await asyncio.sleep(FLUSH_S)
        _exit(code)

    def _mark_begun(self) -> None:
        self.begun = True
        observe_worker(ready=False)


def _exit(code: int) -> NoReturn:
    DEFERRED.flush()
    flush_logs()
    os._exit(code)


class CloseConnections:
    """ASGI middleware that closes the connection after each response once the shutdown has begun."""

    def __init__(self, app: ASGIApp, shutdown: Shutdown) -> None:
        self._app = app
        self._shutdown = shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_close(message: Message) -> None:
            if self._shutdown.begun and message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                headers["connection"] = "close"
                message = {**message, "headers": headers.raw}
            await send(message)

        await self._app(scope, receive, send_and_close)
