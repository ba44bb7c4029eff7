"""The way out, in a process of its own: it ends."""

from __future__ import annotations

import subprocess
import sys

LEAVING = """
import asyncio, os, signal, time
from ner_runtime.serving.lifecycle.shutdown import Shutdown, CloseConnections

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})

async def main():
    departure = Shutdown(drain_s=0.3, grace_s=SECONDS)
    exits, sent = [], []
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda signum, _frame: exits.append(time.monotonic() - began))
    departure.on_signal(lambda: print("give up", flush=True))
    farewell = CloseConnections(app, departure)
    async def send(message):
        sent.append(dict(message["headers"]))
    await farewell({}, None, send)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.1)
    await farewell({}, None, send)
    print(departure.begun, sent, exits, flush=True)
    while not exits:
        await asyncio.sleep(0.05)
    print(exits[0], flush=True)
    await asyncio.sleep(30)

asyncio.run(main())
"""


def test_the_server_is_told_after_the_drain_and_the_process_is_gone_after_the_grace_time() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LEAVING.replace("SECONDS", "4")], capture_output=True, text=True, timeout=20
    )
    drained, told, given_up = ended.stdout.splitlines()
    assert drained == "True [{}, {b'connection': b'close'}] []"
    assert float(told) >= 0.5
    assert given_up == "give up"
    assert ended.returncode == 0
