"""An HTTP/1.1 client with little overhead: closed loops, and open loops with random arrivals."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from loadtest.arrivals import poisson_times

_END_OF_HEAD = b"\r\n\r\n"
OK = 200
# A closed loop fails if it takes so many seconds longer than it should.
_LONGEST_S = 120


@dataclass
class Responses:
    """The results of a load.

    seconds: duration of the load, or of the part of a closed loop that is measured
    latencies: seconds of each response in that time, by status; from the due time if the load is an open loop
    total: in a closed loop, the number of all responses, including those that are not measured; in an open loop, the
        number of requests that were sent in the measured time
    drained: seconds of each response with status 200 that arrived after the sending, in an open loop
    unanswered: requests of an open loop without a response at the end
    client_cpu_s: CPU time of this process; in an open loop, in the measured time
    """

    seconds: float = 0.0
    latencies: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    total: int = 0
    drained: list[float] = field(default_factory=list[float])
    unanswered: int = 0
    client_cpu_s: float = 0.0

    @property
    def ok_per_s(self) -> float:
        """Responses with status 200 per second."""
        return len(self.latencies.get(OK, ())) / self.seconds

    @property
    def statuses(self) -> Counter[int]:
        """The number of responses by status."""
        return Counter({status: len(times) for status, times in self.latencies.items()})

    def good_per_s(self, goal_s: float) -> float:
        """Responses with status 200 within `goal_s`, per second; without those that arrived after the sending."""
        good, drained = (
            sum(latency <= goal_s for latency in latencies) for latencies in (self.latencies.get(OK, ()), self.drained)
        )
        return (good - drained) / self.seconds

    def percentile_ms(self, share: float, status: int = OK) -> float:
        """The latency, in milliseconds, that `share` of the responses with a status do not exceed; NaN without any."""
        ordered = sorted(self.latencies.get(status, ()))
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan


class Connection:
    """A keep-alive connection. It sends one request at a time."""

    def __init__(self, port: int, path: str) -> None:
        self._port, self._path = port, path
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, body: bytes) -> int:
        """Send a body and return the status of the response, when all of it has arrived."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**22)
        reader, writer = self._streams
        head = f"POST {self._path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        status, *lines = (await reader.readuntil(_END_OF_HEAD)).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self.close()
        return int(status.split()[1])

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def closed_loop(port: int, bodies: Iterator[bytes], clients: int, seconds: float, path: str = "/ner") -> Responses:
    """Send requests with a number of clients; see `steady`."""

    async def run() -> Responses:
        connections = [Connection(port, path) for _ in range(clients)]
        try:
            return await steady([partial(_send_next, connection, bodies) for connection in connections], seconds)
        finally:
            for connection in connections:
                connection.close()

    return asyncio.run(run())


async def steady(clients: Sequence[Callable[[], Awaitable[int]]], seconds: float) -> Responses:
    """Let each client send one request after the other, and measure for about `seconds`.

    The measured time begins when every client has had a response. It ends with the last response that is counted: the
    last one within `seconds`, or later if a client has had none by then. As it begins and ends with a response, the
    rate does not depend on where a batch of responses is cut off.

    Args:
        clients: each sends one request and returns the status of the response
        seconds: the time to measure for
    """
    found = Responses()
    waiting, unmeasured = set(range(len(clients))), set(range(len(clients)))
    began = math.inf

    def goes_on(now: float) -> bool:
        return bool(unmeasured) or now - began < seconds

    async def client(index: int) -> None:
        nonlocal began
        while goes_on(sent := time.perf_counter()):
            status = await clients[index]()
            now = time.perf_counter()
            found.total += 1
            if waiting:
                waiting.discard(index)
                began = math.inf if waiting else now
            elif goes_on(now):
                unmeasured.discard(index)
                found.latencies.setdefault(status, []).append(now - sent)
                found.seconds = now - began

    cpu = time.process_time()
    async with asyncio.timeout(seconds + _LONGEST_S):
        await asyncio.gather(*(client(index) for index in range(len(clients))))
    found.client_cpu_s = time.process_time() - cpu
    return found


async def _send_next(connection: Connection, bodies: Iterator[bytes]) -> int:
    return await connection.send(next(bodies))


def one_by_one(port: int, bodies: list[bytes]) -> Responses:
    """Send requests one after the other."""

    async def run() -> Responses:
        found, connection = Responses(), Connection(port, "/ner")
        started = time.perf_counter()
        for body in bodies:
            sent = time.perf_counter()
            status = await connection.send(body)
            found.latencies.setdefault(status, []).append(time.perf_counter() - sent)
        found.seconds = time.perf_counter() - started
        connection.close()
        return found

    return asyncio.run(run())


def open_loop(
    port: int,
    bodies: Iterator[bytes],
    rate: float,
    seconds: float,
    *,
    warm_s: float = 0.0,
    wait_s: float = 10.0,
    seed: int = 1,
) -> Responses:
    """Send requests at random times.

    Args:
        port: where the service listens
        bodies: the bodies of the requests
        rate: requests per second, on average
        seconds: how long to send and to measure
        warm_s: how long to send before; responses that arrive in this time are not measured
        wait_s: how long to wait for the last responses
        seed: determines the times
    """

    async def run() -> Responses:
        found, idle = Responses(), list[Connection]()

        async def send(body: bytes, due: float) -> None:
            connection = idle.pop() if idle else Connection(port, "/ner")
            try:
                status = await connection.send(body)
            except BaseException:
                connection.close()
                raise
            idle.append(connection)
            if (now := time.perf_counter()) < began:
                return
            latency = now - due
            found.latencies.setdefault(status, []).append(latency)
            if has_sent and status == OK:
                found.drained.append(latency)

        has_sent = False
        started = time.perf_counter()
        began, cpu = started + warm_s, math.nan
        tasks: list[asyncio.Task[None]] = []
        for offset in poisson_times(rate, warm_s + seconds, Random(seed)):
            await asyncio.sleep(max(0.0, started + offset - time.perf_counter()))
            if offset >= warm_s:
                found.total += 1
                cpu = time.process_time() if math.isnan(cpu) else cpu
            tasks.append(asyncio.create_task(send(next(bodies), started + offset)))
        found.seconds = time.perf_counter() - began
        found.client_cpu_s = time.process_time() - cpu if found.total else 0.0
        has_sent = True
        _, pending = await asyncio.wait(tasks, timeout=wait_s) if tasks else (set(), set[asyncio.Task[None]]())
        await _cancel(pending)
        # A reset connection counts as unanswered.
        found.unanswered = sum(task.cancelled() or task.exception() is not None for task in tasks)
        for connection in idle:
            connection.close()
        return found

    return asyncio.run(run())


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
