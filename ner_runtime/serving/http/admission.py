"""Limits: who may come in now. Decided at the edge, in microseconds, before a body is read.

The rate limit is the generic cell rate algorithm (ITU-T I.371, annex A): a client may send as many requests at once as
its rate allows in one period, and gets them back one by one. Each worker counts for itself.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from cachetools import LRUCache
from starlette.datastructures import Headers
from starlette.types import Scope

from ner_runtime.serving.api.errors import Overloaded, RateLimited
from ner_runtime.serving.telemetry.metrics import IN_FLIGHT, SHED

_PERIODS_S = {"s": 1.0, "min": 60.0, "h": 3600.0}
_IPV6_NETWORK = 64  # a household or a server has a whole one
MAX_CLIENTS = 65_536
"""Clients that are remembered; of more, those that have been quiet longest are forgotten."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests per period."""

    requests: int
    period_s: float

    @classmethod
    def parse(cls, written: str) -> Rate | None:
        """The rate of a `RANER_RATE_LIMIT`, as `100/s`; None where it is `off`."""
        if written == "off":
            return None
        requests, period = written.split("/")
        return cls(int(requests), _PERIODS_S[period])


class RateLimiter:
    """Counts the requests of each client."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._interval_s = rate.period_s / rate.requests
        # When a client's last request will have been paid back, in monotonic seconds.
        self._paid: LRUCache[str, float] = LRUCache(MAX_CLIENTS)

    def check(self, client: str) -> None:
        """Count a request of the client.

        Raises:
            RateLimited: it is one too many; it is not counted.
        """
        now = monotonic()
        paid = max(self._paid.get(client, now), now) + self._interval_s
        # The small part is for sums of floating-point intervals.
        wait = paid - now - self._rate.period_s - self._interval_s * 1e-6
        if wait > 0:
            SHED.labels("rate").inc()
            raise RateLimited("too many requests from this client; slow down", math.ceil(wait))
        self._paid[client] = paid


class InFlight:
    """Counts the requests that are being answered, and the bytes of bodies that are still arriving."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self.most_bytes = most_bytes
        self.count = 0
        self.arriving_bytes = 0

    def check(self) -> None:
        """Raises:
        Overloaded: as many as may be are in flight.
        """
        if self.count >= self._most:
            SHED.labels("in_flight").inc()
            raise Overloaded("too many requests are in flight; try again shortly")

    @contextmanager
    def one_more(self) -> Generator[None]:
        """A request from here on, until it is answered.

        Raises:
            Overloaded: as many as may be are in flight.
        """
        self.check()
        self.count += 1
        IN_FLIGHT.inc()
        try:
            yield
        finally:
            self.count -= 1
            IN_FLIGHT.dec()

    def arrived(self, size: int) -> None:
        """Count bytes of a body; `left` gives them back.

        Raises:
            Overloaded: other bodies that are still arriving hold as much memory as they may.
        """
        self.arriving_bytes += size
        # One alone may always be as large as a body may be.
        if self.arriving_bytes > self.most_bytes:
            SHED.labels("arriving").inc()
            raise Overloaded("too many bodies are arriving; try again shortly")

    def left(self, size: int) -> None:
        """Give back bytes that were counted."""
        self.arriving_bytes -= size


def client_of(scope: Scope, trusted_proxies: int) -> str:
    """The address that a request came from.

    Args:
        scope: of the request
        trusted_proxies: reverse proxies in front, each of which appends to X-Forwarded-For the address that it saw;
            what stands further left came from outside and may be invented
    """
    peer = scope.get("client")
    address = str(peer[0]) if peer else ""
    if trusted_proxies:
        forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
        named = forwarded[-trusted_proxies].strip() if len(forwarded) >= trusted_proxies else ""
        address = named or address
    return _network(address)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(_without_port(address))
    except ValueError:
        # A Unix socket, or a proxy that writes something of its own.
        return address[:64]
    if parsed.version == 6 and parsed.ipv4_mapped:
        # A socket for both versions has IPv4 clients so, and their networks would all be one.
        parsed = parsed.ipv4_mapped
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False).network_address)


def _without_port(address: str) -> str:
    # Some proxies write 192.0.2.1:4711 or [2001:db8::1]:4711.
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, port = address.partition(":")
    return host if colon and port.isdecimal() and "." in host else address
