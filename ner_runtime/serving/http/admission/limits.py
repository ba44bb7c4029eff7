"""Admission control: decide whether a request may be handled now, before its body is read.

The rate limit is the generic cell rate algorithm (ITU-T I.371, annex A): a client may send as many requests at once as
its rate allows in one period, and regains them one by one. Each worker counts separately.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic

from cachetools import LRUCache
from starlette.requests import Request

from ner_runtime.serving.api.errors import Overloaded, RateLimited, Unauthorized
from ner_runtime.serving.http.admission.clients import check_key, client_address
from ner_runtime.serving.telemetry.deferred import DEFERRED
from ner_runtime.serving.telemetry.metrics import IN_FLIGHT, SHED

_PERIODS_S = {"s": 1.0, "min": 60.0, "h": 3600.0}
_ROUNDING = 1e-6  # as a fraction of an interval: tolerance for floating-point errors
MAX_CLIENTS = 65_536
"""How many clients the rate limiter remembers. If there are more, it forgets the one that was idle longest."""
ARRIVING_BODIES = 16
"""How many bodies of the maximum size may be arriving at the same time."""

_SHED_BY_RATE, _SHED_IN_FLIGHT, _SHED_ARRIVING = (SHED.labels(reason) for reason in ("rate", "in_flight", "arriving"))

# Returned, and never raised: an exception that is raised refers to its traceback.
_FULL = Overloaded("too many requests are in flight; try again shortly")


@dataclass(frozen=True, slots=True)
class Rate:
    """A number of requests per period."""

    requests: int
    period_s: float

    @classmethod
    def parse(cls, setting: str) -> Rate | None:
        """Parse a value of `RANER_RATE_LIMIT`, such as `100/s`; return None for `off`."""
        if setting == "off":
            return None
        requests, period = setting.split("/")
        return cls(int(requests), _PERIODS_S[period])


class RateLimiter:
    """Limits the requests of each client."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._interval_s = rate.period_s / rate.requests
        # When a client has regained all its requests, in monotonic seconds ("theoretical arrival time").
        self._regained: LRUCache[str, float] = LRUCache(MAX_CLIENTS)

    def check(self, client: str) -> None:
        """Count a request of the client.

        Raises:
            RateLimited: the request exceeds the rate; it is not counted.
        """
        refusal, regained = self._next(client)
        if refusal is not None:
            raise refusal
        self._regained[client] = regained

    def refusal(self, client: str) -> RateLimited | None:
        """Return the error that `check` would raise now, or None. Does not count the request."""
        return self._next(client)[0]

    def _next(self, client: str) -> tuple[RateLimited | None, float]:
        """Return why the next request is refused, and when the client has regained all its requests after it."""
        now = monotonic()
        regained = max(self._regained.get(client, now), now) + self._interval_s
        wait = regained - now - self._rate.period_s - self._interval_s * _ROUNDING
        if wait <= 0:
            return None, regained
        DEFERRED.count(_SHED_BY_RATE)
        return RateLimited("too many requests from this client; slow down", math.ceil(wait)), regained


class Admission:
    """Decides which requests to accept: checks the API key, the rate, the requests in flight and the bytes arriving."""

    def __init__(
        self,
        *,
        max_concurrency: int,
        max_body_bytes: int,
        key_digests: Sequence[str] = (),
        rate: Rate | None = None,
        trusted_proxies: int = 0,
    ) -> None:
        """Set the limits.

        Args:
            max_concurrency: maximum number of requests in flight
            max_body_bytes: maximum size of one body; at most `ARRIVING_BODIES` times as many bytes may be arriving at
                the same time
            key_digests: hex sha256 of each API key; empty if no key is required
            rate: rate limit of each client; None for no limit
            trusted_proxies: see `client_address`
        """
        self._max_concurrency = max_concurrency
        self.max_arriving_bytes = ARRIVING_BODIES * max_body_bytes
        self._key_digests = key_digests
        self._rate_limiter = RateLimiter(rate) if rate else None
        self._trusted_proxies = trusted_proxies
        self.in_flight = 0
        self._counting = _InFlight(self)
        self.arriving_bytes = 0

    def check_client(self, request: Request) -> None:
        """Check the API key and count the request against the client's rate.

        Raises:
            Unauthorized: the key is missing or wrong.
            RateLimited: the request exceeds the client's rate.
        """
        client = self._client(request)
        if self._rate_limiter is not None:
            self._rate_limiter.check(client)

    def check_capacity(self) -> None:
        """Check that the limit on requests in flight allows one more.

        Raises:
            Overloaded: `max_concurrency` requests are in flight.
        """
        if self.is_full:
            DEFERRED.count(_SHED_IN_FLIGHT)
            raise Overloaded(_FULL.message)

    @property
    def is_full(self) -> bool:
        """Whether as many requests are in flight as the limit allows."""
        return self.in_flight >= self._max_concurrency

    def may_refuse(self) -> bool:
        """Whether `refusal` could return an error now."""
        return self._rate_limiter is not None or self.is_full

    def refusal(
        self, headers: Sequence[tuple[bytes, bytes]], peer: tuple[str, int] | None
    ) -> RateLimited | Overloaded | None:
        """Return the error that `check_client` or `check_capacity` would raise because of load, or None.

        Does not count the request. A request without a valid key is not refused here: its error is another one.

        Args:
            headers: headers of the request, with names in lower case
            peer: address and port of the connection's other end
        """
        if self._key_digests or self._rate_limiter is not None:
            try:
                client = self._client(Request({"type": "http", "headers": headers, "client": peer}))
            except Unauthorized:
                return None
            refusal = self._rate_limiter.refusal(client) if self._rate_limiter is not None else None
            if refusal is not None:
                return refusal
        if not self.is_full:
            return None
        DEFERRED.count(_SHED_IN_FLIGHT)
        return _FULL

    def request(self) -> AbstractContextManager[None]:
        """Count a request as in flight in a `with` block, in the event loop.

        Raises:
            Overloaded: `max_concurrency` requests are in flight.
        """
        return self._counting

    def add_arriving(self, size: int) -> None:
        """Count bytes of a body that is arriving.

        Raises:
            Overloaded: the bodies that are arriving exceed `max_arriving_bytes` in total.
        """
        self.arriving_bytes += size
        if self.arriving_bytes > self.max_arriving_bytes:
            DEFERRED.count(_SHED_ARRIVING)
            raise Overloaded("too many request bodies are arriving; try again shortly")

    def remove_arriving(self, size: int) -> None:
        """Undo `add_arriving`."""
        self.arriving_bytes -= size

    def _client(self, request: Request) -> str:
        """Return what identifies the client to the rate limiter: its key, or else its address."""
        key = check_key(request, self._key_digests) if self._key_digests else None
        return key or (client_address(request, self._trusted_proxies) if self._rate_limiter is not None else "")


class _InFlight(AbstractContextManager[None]):
    """Counts requests as in flight. A context manager made from a generator would cost each request more."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def __enter__(self) -> None:
        self._admission.check_capacity()
        self._count(1)

    def __exit__(self, *_error: object) -> None:
        self._count(-1)

    def _count(self, number: int) -> None:
        self._admission.in_flight += number
        DEFERRED.set(IN_FLIGHT, self._admission.in_flight)
