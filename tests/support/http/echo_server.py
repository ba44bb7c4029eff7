"""A server with `HttpProtocol` that responds with what each request is, and helpers for raw connections to it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from ner_runtime.serving.api.access_record import Observer
from ner_runtime.serving.api.messages import BODY_ARRIVED, DISCONNECTED
from ner_runtime.serving.http.admission.limits import Admission
from ner_runtime.serving.http.admission.refusals import Refusals
from ner_runtime.serving.http.connection.protocol import HttpProtocol
from tests.support.http.raw_http import RawConnection, RawResponse

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with what the request is; `/early` and `/full` respond before they read the body, `/wait` never does.

    `/arrived` responds with whether the body has arrived.
    """
    request = Request(scope, receive)
    if scope["path"] == "/wait":
        await scope["state"][DISCONNECTED]
        GONE.release()
        return
    if scope["path"] == "/full":
        await Response("full", 429)(scope, receive, send)
        return
    if scope["path"] == "/arrived":
        await JSONResponse(BODY_ARRIVED in scope["state"])(scope, receive, send)
        return
    if scope["path"] == "/early":
        await Response("early", 413)(scope, receive, send)
        return
    try:
        body = await request.body()
    except ClientDisconnect:
        return
    headers = {name: request.headers[name] for name in request.headers}
    content = {"method": request.method, "path": scope["path"], "body": body.decode("latin-1"), "headers": headers}
    await JSONResponse(content)(scope, receive, send)


GONE = threading.Semaphore(0)


def refusals() -> Refusals:
    """Refuse POST requests to /full."""
    return Refusals(Admission(max_concurrency=0, max_body_bytes=1), {"/full"}, lambda: True)


@contextmanager
def serve_echo(*observers: Observer) -> Generator[str]:
    """Run the server in a thread; yield its URL.

    Args:
        observers: get the record of each response that does not come from `echo`
    """
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    protocol: Any = partial(HttpProtocol, refusals=refusals(), observers=observers)
    config = uvicorn.Config(echo, http=protocol, lifespan="off", log_config=None, timeout_keep_alive=30)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def exchange(url: str, *segments: bytes) -> list[RawResponse]:
    """Send segments and then a last request, which closes the connection; return all responses but that one's."""
    last = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with RawConnection(url) as connection:
        *responses, response = connection.send(*segments, last).rest()
    assert seen(response)["path"] == "/last"
    return responses


def seen(response: RawResponse) -> dict[str, object]:
    """The request as the application saw it."""
    assert response.status == 200, response
    return json.loads(response.body)


def segmentations(data: bytes) -> Sequence[Sequence[bytes]]:
    """Data in one segment, split in the middle, and byte by byte."""
    middle = len(data) // 2
    return [[data], [data[:middle], data[middle:]], [data[index : index + 1] for index in range(len(data))]]
