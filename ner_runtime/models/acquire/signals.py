"""Stopping: Ctrl-C or SIGTERM while somebody else's threads are at work.

An exception raised in the midst of a thread pool's bookkeeping can leave its locks held for ever, and the process would
then wait for ever instead of ending (`concurrent.futures` in CPython 3.11: `_AcquireFutures`). Where nothing has to be
cleared away, nothing is raised: the process ends.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = "\x1b[?25h\n"


@contextmanager
def stops_at_once(farewell: str) -> Generator[None]:
    """While the block runs, SIGINT and SIGTERM end the process as a shell counts it: exit code 128 and the number.

    Args:
        farewell: the line to say then, on the standard error

    A signal that is ignored stays so (`nohup`), as does one that others than Python handle. Nothing changes off the
    main thread, which alone gets signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A bar of rich hides the cursor, and nobody else will show it again.
    last_words = f"{_SHOW_CURSOR if os.isatty(2) else ''}raner: {farewell}\n"

    def stop(number: int, _frame: FrameType | None) -> None:
        # The descriptor, since `sys.stderr` may be locked by the thread that was interrupted.
        with suppress(OSError):
            os.write(2, last_words.encode())
        os._exit(128 + number)

    heeded = [number for number in _SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, stop) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
