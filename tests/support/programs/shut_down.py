"""Program of `tests/serving/lifecycle/test_shutdown.py`: shuts itself down and prints one line for each step."""
# ruff: noqa: T201

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from functools import partial

from starlette.types import Message, Receive, Scope, Send

from ner_runtime.serving.lifecycle.shutdown import CloseConnections, Shutdown
from ner_runtime.serving.telemetry import deferred

FOREVER = 3600


async def empty_response(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def print_headers(message: Message) -> None:
    print("headers:", dict(message["headers"]), flush=True)


async def no_message() -> Message:
    raise NotImplementedError


async def main(drain_s: float, grace_s: float) -> None:
    started = time.monotonic()
    stopped = asyncio.Event()
    signal.signal(signal.SIGTERM, lambda _signum, _frame: stopped.set())
    shutdown = Shutdown(drain_s, grace_s)
    shutdown.handle_sigterm(lambda: print("requests are refused", flush=True))
    app = CloseConnections(empty_response, shutdown)
    await app({}, no_message, print_headers)
    os.kill(os.getpid(), signal.SIGTERM)
    while not shutdown.begun:
        await asyncio.sleep(0)
    await app({}, no_message, print_headers)
    print("the server was stopped early:", stopped.is_set(), flush=True)
    await stopped.wait()
    deferred.DELAY_S = FOREVER
    deferred.DEFERRED.call(partial(print, "the last response is recorded", flush=True))
    print("the server was stopped after:", time.monotonic() - started, flush=True)
    await asyncio.sleep(FOREVER)


asyncio.run(main(float(sys.argv[1]), float(sys.argv[2])))
