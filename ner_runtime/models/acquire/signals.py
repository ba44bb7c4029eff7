"""Exit on SIGINT or SIGTERM while a library runs a thread pool.

A KeyboardInterrupt raised inside the thread pool can leave its locks held, so that the process never exits
(`concurrent.futures` in CPython 3.11, `_AcquireFutures`). Use this only for code that needs no cleanup: the
process exits immediately.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = "\x1b[?25h\n"


@contextmanager
def exit_on_signal(message: str) -> Generator[None]:
    """While the block runs, exit on SIGINT and SIGTERM with exit code 128 + signal number.

    Signals that are ignored (`nohup`) or handled outside Python are left unchanged. Outside the main thread this
    does nothing, because only the main thread may set signal handlers.

    Args:
        message: the line to print to standard error before exiting
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A progress bar of rich hides the cursor; restore it.
    line = f"{_SHOW_CURSOR if os.isatty(2) else ''}raner: {message}\n".encode()
    handled = [number for number in _SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    received, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    # A handler written in Python runs in the main thread, and only after a lock that the main thread waits for is
    # released. The interpreter writes the number to the wakeup descriptor at once; a separate thread reads it.
    previous_wakeup = signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
    previous = {number: signal.signal(number, lambda _number, _frame: None) for number in handled}
    waiting = threading.Thread(target=_exit_when_received, args=(received, handled, line), daemon=True)
    waiting.start()
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(previous_wakeup)
        wakeup.close()
        waiting.join()
        received.close()


def _exit_when_received(received: socket.socket, handled: list[signal.Signals], line: bytes) -> None:
    """Exit at the first of the `handled` signals; return when the other end is closed."""
    while number := received.recv(1):
        if number[0] in handled:
            # Write to the descriptor: another thread may hold the lock of `sys.stderr`.
            with suppress(OSError):
                os.write(2, line)
            os._exit(128 + number[0])
