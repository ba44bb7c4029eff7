"""Threads for work that must not delay the event loop or short texts."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")

MAX_INLINE_CHARS = 5_000
"""Longer texts are processed in a thread, so that they do not block the event loop."""

# Added to the niceness of inference threads and of the thread for documents. With one core and three times the requests
# that it can process, 3 lowers the P99 of refusals from 61 to 17 ms, and 10 to 11 ms; but the higher it is, the less
# CPU the engine gets beside other programs.
_NICENESS = 3


def lower_priority() -> None:
    """Let the event loop run before this thread, so that a busy worker reads, refuses and responds without delay."""
    if sys.platform == "linux":
        # Only on Linux, a thread has a priority of its own.
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS)


# One thread, because only one thread at a time can run Python code: several would only delay short texts more.
_documents = ThreadPoolExecutor(1, "documents", lower_priority)


async def run(function: Callable[[], _Result], characters: int, most_inline: int = MAX_INLINE_CHARS) -> _Result:
    """Run a function whose duration depends on the length of texts: at once, or in a thread.

    Args:
        function: the function
        characters: length of its texts
        most_inline: largest number of characters for which it may block the event loop
    """
    if characters > MAX_INLINE_CHARS:
        return await run_for_document(function)
    return await asyncio.to_thread(function) if characters > most_inline else function()


async def run_for_document(function: Callable[[], _Result]) -> _Result:
    """Run a function in the thread for documents, after those that were passed before."""
    return await asyncio.get_running_loop().run_in_executor(_documents, function)
