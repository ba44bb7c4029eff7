"""Exit on SIGINT or SIGTERM while a library runs a thread pool.

A KeyboardInterrupt raised inside the thread pool can leave its locks held, so that the process never exits
(`concurrent.futures` in CPython 3.11, `_AcquireFutures`). Use this only for code that needs no cleanup: the
process exits immediately.
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
def exit_on_signal(message: str) -> Generator[None]:
    """While the block runs, exit on SIGINT and SIGTERM with exit code 128 + signal number.

    Signals that are ignored (`nohup`) or handled outside Python are left unchanged. Outside the main thread this
    does nothing, because only the main thread receives signals.

    Args:
        message: the line to print to standard error before exiting
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A progress bar of rich hides the cursor; restore it.
    line = f"{_SHOW_CURSOR if os.isatty(2) else ''}raner: {message}\n"

    def stop(number: int, _frame: FrameType | None) -> None:
        # Write to the descriptor: the interrupted thread may hold the lock of `sys.stderr`.
        with suppress(OSError):
            os.write(2, line.encode())
        os._exit(128 + number)

    handled = [number for number in _SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    previous = {number: signal.signal(number, stop) for number in handled}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
