"""Deferred records: log lines and metrics of requests and batches are recorded together, every `DELAY_S`.

After a batch, the processor's caches hold the model. Code that runs once per request then costs several times as much
as the same code in a loop, and delays the response or the next request. Increments of a counter are added up first, and
only the latest value of a gauge is kept, because each write goes to a memory-mapped file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import TypeVarTuple

from prometheus_client import Counter, Gauge

from ner_runtime.serving.telemetry.logs import log

_Arguments = TypeVarTuple("_Arguments")
_Call = tuple[Callable[..., None], tuple[object, ...]]

DELAY_S = 0.05
"""How long a record may wait."""
MAX_WAITING = 128
"""How many calls may wait."""


class Deferred:
    """Collects calls that only record something, increments of counters and values of gauges.

    It belongs to the thread of the event loop.
    """

    def __init__(self) -> None:
        self._waiting: list[_Call] = []
        self._increments: dict[Counter, float] = {}
        self._values: dict[Gauge, float] = {}
        self._is_flushing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def call(self, function: Callable[[*_Arguments], None], *arguments: *_Arguments) -> None:
        """Call `function` with these arguments within `DELAY_S`, in the order of the calls."""
        self._waiting.append((function, arguments))
        if len(self._waiting) >= MAX_WAITING:
            self.flush()
        else:
            self._set_timer()

    def count(self, counter: Counter, number: float = 1) -> None:
        """Increase a counter within `DELAY_S`."""
        self._increments[counter] = self._increments.get(counter, 0) + number
        self._set_timer()

    def set(self, gauge: Gauge, value: float) -> None:
        """Set a gauge within `DELAY_S`. Only the latest value is recorded."""
        self._values[gauge] = value
        self._set_timer()

    def flush(self) -> None:
        """Make the waiting calls, and change the counters and gauges now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        self._is_flushing = True
        try:
            _make(waiting)
            # After the calls, which may count, too.
            increments, self._increments = self._increments, {}
            values, self._values = self._values, {}
            _make((counter.inc, (number,)) for counter, number in increments.items())
            _make((gauge.set, (value,)) for gauge, value in values.items())
        finally:
            self._is_flushing = False
        if self._waiting:
            # A call has made another one.
            self._set_timer()

    def _set_timer(self) -> None:
        if self._is_flushing:
            # `flush` records what its calls count.
            return
        loop = asyncio.get_running_loop()
        if self._timer is None or loop is not self._loop:
            # In an empty context: the calls do not belong to the current request.
            self._loop, self._timer = loop, loop.call_later(DELAY_S, self.flush, context=Context())


def _make(calls: Iterable[_Call]) -> None:
    for function, arguments in calls:
        try:
            function(*arguments)
        except Exception as error:  # noqa: BLE001 - the other calls must still be made
            log.error("unexpected error", exc_info=error)


DEFERRED = Deferred()
"""The deferred records of this process."""
