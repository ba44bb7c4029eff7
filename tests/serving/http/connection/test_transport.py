from __future__ import annotations

import asyncio

import uvicorn
from uvicorn.server import ServerState

from ner_runtime.serving.http.connection.protocol import HttpProtocol
from ner_runtime.serving.http.connection.transport import ConnectionTransport, PipelineFlow
from tests.support.http.echo_server import echo


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


def test_what_is_written_after_the_connection_was_lost_is_discarded() -> None:
    # uvloop raises an error, and requests of the connection may still be in progress.
    asyncio.run(_write_to_a_lost_connection())


async def _write_to_a_lost_connection() -> None:
    config = uvicorn.Config(echo, http=HttpProtocol, lifespan="off", log_config=None)
    config.load()
    connection, transport = HttpProtocol(config=config, server_state=ServerState(), app_state={}), Transport()
    connection.connection_made(transport)
    connection.transport.write(b"sent")
    connection.connection_lost(ConnectionResetError())
    connection.transport.write(b"discarded")
    assert transport.written == b"sent"


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
