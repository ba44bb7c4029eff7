"""A client with little overhead: HTTP/1.1 over keep-alive connections, closed loop, bodies prepared by the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from time import perf_counter

_END_OF_HEAD = b"\r\n\r\n"


class ResponseFailed(Exception):
    """The status of a response is not 200."""


async def send_all(port: int, bodies: Iterator[bytes], clients: int, seconds: float, path: str = "/ner") -> list[float]:
    """Send bodies to `path` for `seconds`, one at a time per client.

    Returns:
        the latency of each request, in seconds

    Raises:
        ResponseFailed: the status of a response is not 200.
    """
    end = perf_counter() + seconds
    results = await asyncio.gather(*(_run_client(port, bodies, end, path) for _ in range(clients)))
    return [latency for result in results for latency in result]


async def _run_client(port: int, bodies: Iterator[bytes], end: float, path: str) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    latencies: list[float] = []
    while perf_counter() < end:
        body = next(bodies)
        head = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        sent = perf_counter()
        writer.write(head.encode() + body)
        await _read_response(reader)
        latencies.append(perf_counter() - sent)
    writer.close()
    return latencies


async def _read_response(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(_END_OF_HEAD)
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    await reader.readexactly(int(headers["content-length"]))
    if status.split()[1] != "200":
        raise ResponseFailed(status)
