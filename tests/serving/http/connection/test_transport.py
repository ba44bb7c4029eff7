from __future__ import annotations

import asyncio

from ner_runtime.serving.http.connection.transport import ConnectionTransport, PipelineFlow


class Transport(asyncio.Transport):
    """A transport that records whether it reads, and what was written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 4711)})
        self.reads = True
        self.written = b""

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data


class Connection:
    """A connection that counts the calls of `close`, and stays open."""

    def __init__(self) -> None:
        self.pipeline: list[str] = []
        self.closed = 0

    def close(self) -> None:
        self.closed += 1

    def is_closing(self) -> bool:
        return bool(self.closed)


def test_the_connection_decides_when_the_transport_closes() -> None:
    connection, transport = Connection(), Transport()
    used = ConnectionTransport(transport, connection)
    assert not used.is_closing()
    used.close()
    assert (connection.closed, used.is_closing()) == (1, True)


def test_everything_else_goes_to_the_transport() -> None:
    transport = Transport()
    used = ConnectionTransport(transport, Connection())
    used.write(b"response")
    assert transport.written == b"response"
    assert used.get_extra_info("peername") == ("192.0.2.1", 4711)


def test_reading_is_resumed_once_no_pipelined_request_waits() -> None:
    async def pause_and_resume() -> list[bool]:
        connection, transport = Connection(), Transport()
        flow = PipelineFlow(transport, connection)
        connection.pipeline.append("a request")
        flow.pause_reading()
        flow.resume_reading()
        read = [transport.reads]
        connection.pipeline.clear()
        flow.resume_reading()
        return [*read, transport.reads]

    assert asyncio.run(pause_and_resume()) == [False, True]
