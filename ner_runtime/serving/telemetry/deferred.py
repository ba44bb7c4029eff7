"""Deferred records: log lines and metrics of responses are recorded together, every `DELAY_S`.

After a batch, the processor's caches hold the model. Code that runs once per request then costs several times as much
as the same code in a loop, and delays the response or the next request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple

from ner_runtime.serving.telemetry.logs import log

_Arguments = TypeVarTuple("_Arguments")

DELAY_S = 0.05
"""How long a call may wait."""
MAX_WAITING = 128
"""How many calls may wait."""


class Deferred:
    """Calls that only record something. It belongs to the thread of the event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[..., None], tuple[object, ...]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def call(self, function: Callable[[*_Arguments], None], *arguments: *_Arguments) -> None:
        """Call `function` with these arguments within `DELAY_S`, in the order of the calls."""
        self._waiting.append((function, arguments))
        if len(self._waiting) >= MAX_WAITING:
            self.flush()
            return
        loop = asyncio.get_running_loop()
        if self._timer is None or loop is not self._loop:
            # In an empty context: the calls do not belong to the current request.
            self._loop, self._timer = loop, loop.call_later(DELAY_S, self.flush, context=Context())

    def flush(self) -> None:
        """Make the waiting calls now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        for function, arguments in waiting:
            try:
                function(*arguments)
            except Exception as error:  # noqa: BLE001 - the other calls must still be made
                log.error("unexpected error", exc_info=error)


DEFERRED = Deferred()
"""The deferred calls of this process."""
