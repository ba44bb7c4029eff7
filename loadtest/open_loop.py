"""A Locust user that sends requests at given times, whether or not earlier requests have their responses.

The latency of a request counts from the time at which it was due, not from the time at which it was sent. A generator
that waits for responses before it sends the next request, or that starts the clock late, hides the queue of a slow
service ("coordinated omission").
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar

import gevent
from gevent.pool import Group
from locust import FastHttpUser, task
from locust.exception import StopUser

from loadtest.bad_requests import JSON
from loadtest.checks import WrongResponse

LATE = "late_ms"
"""Key in the context of a request event: how much later than due the request was sent, in milliseconds."""
DUE = "due_s"
"""Key in the context of a request event: when the request was due, in seconds from the start of the run."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is ready to be sent; `check` raises `WrongResponse` if the body of the response is wrong."""

    body: bytes
    check: Callable[[bytes], object] | None = None
    path: str = "/ner"


class OpenLoopUser(FastHttpUser):
    """Sends the requests of `requests()` at the times of `arrivals()`.

    One user sends all the load of a process: each request has a greenlet of its own, and a connection while it runs.
    """

    abstract = True
    concurrency = 4096
    connection_timeout: float = 60
    network_timeout: float = 60
    drain_s: ClassVar[float] = 60.0
    """How long to wait for the last responses, in seconds. Requests without a response then are unfinished."""

    def arrivals(self) -> Iterable[float]:
        """The times at which the requests are due, in seconds from the start of the run, in ascending order."""
        raise NotImplementedError

    def requests(self) -> Iterator[Request]:
        """The requests, in the order of the arrivals."""
        raise NotImplementedError

    def on_wrong(self, message: str) -> None:
        """Called with the reason if a response is wrong."""

    def on_start(self) -> None:
        self.unfinished: list[float] = []
        """The age, in milliseconds, of each request that had no response when the run ended."""
        self.stopped = False
        self._pending: dict[int, float] = {}
        key = os.environ.get("RANER_API_KEY")
        # zstd or gzip would cost the generator time; clients on the same network do without, too.
        self._headers = {"Content-Type": JSON, "Accept-Encoding": "identity"}
        self._headers |= {"Authorization": f"Bearer {key}"} if key else {}

    def stop_sending(self) -> None:
        """Send no further requests, and do not wait for responses."""
        self.stopped = True

    @task
    def send_arrivals(self) -> None:
        """Send all requests, wait for their responses, and end the user."""
        greenlets, requests = Group(), self.requests()
        started = perf_counter()
        for number, offset in enumerate(self.arrivals()):
            # Sleep even if the request is late, so that responses are read in between.
            gevent.sleep(max(0.0, started + offset - perf_counter()))
            if self.stopped:
                break
            self._pending[number] = due = started + offset
            greenlets.spawn(self._send, number, next(requests), due, offset)
        greenlets.join(timeout=0 if self.stopped else self.drain_s)
        self.unfinished = [1000 * (perf_counter() - due) for due in self._pending.values()]
        greenlets.kill()
        raise StopUser

    def _send(self, number: int, request: Request, due: float, offset: float) -> None:
        context = {LATE: 1000 * (perf_counter() - due), DUE: offset}
        data: Any = request.body
        try:
            with self.client.post(
                request.path, data=data, headers=self._headers, catch_response=True, context=context
            ) as response:
                response.request_meta["response_time"] = 1000 * (perf_counter() - due)
                if response.status_code != 200:
                    response.failure(f"status {response.status_code}")
                elif request.check is not None:
                    try:
                        request.check(response.content or b"")
                    except WrongResponse as error:
                        self.on_wrong(str(error))
                        response.failure(f"wrong response: {error}")
        finally:
            # Killed requests stay unfinished: they were counted before.
            self._pending.pop(number, None)
