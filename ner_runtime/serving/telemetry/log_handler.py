"""Log handler that writes in its own thread, so that a slow or blocked standard error never blocks the event loop.

The caller formats a line. The thread collects lines for `DELAY_S` and writes them together, or at once for an error. A
normal exit writes the last lines through `logging.shutdown`; call `flush` before `os._exit`.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TextIO

DELAY_S = 0.05
"""How long a line may wait to be written with others."""
FLUSH_TIMEOUT_S = 1.0
"""How long `flush` waits for a blocked stream."""
MAX_LINES = 10_000
"""How many lines may wait for a blocked stream; further lines are dropped and counted."""


class BufferedLogHandler(logging.Handler):
    """Writes log records to a stream, one line per record."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._is_urgent = False
        self._is_writing = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - reported as by the handlers of the standard library
            self.handleError(record)
            return
        with self._changed:
            if len(self._lines) >= MAX_LINES:
                self._dropped += 1
                return
            self._lines.append(line)
            if len(self._lines) == 1 or record.levelno >= logging.ERROR:
                self._is_urgent = self._is_urgent or record.levelno >= logging.ERROR
                self._wake_thread()

    def flush(self) -> None:
        """Write the waiting lines now; give up after `FLUSH_TIMEOUT_S`."""
        with self._changed:
            if self._lines or self._is_writing:
                self._is_urgent = True
                self._wake_thread()
                self._changed.wait_for(lambda: not self._lines and not self._is_writing, FLUSH_TIMEOUT_S)

    def _wake_thread(self) -> None:
        # Started with the first line and not in the constructor, because a forked process has no threads.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._write_lines, name="logs", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _write_lines(self) -> None:
        while True:
            lines = self._take_lines()
            try:
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                # The stream is closed: nothing can be reported any more.
                return
            finally:
                with self._changed:
                    self._is_writing = False
                    self._changed.notify_all()

    def _take_lines(self) -> list[str]:
        with self._changed:
            self._changed.wait_for(lambda: self._lines)
            self._changed.wait_for(lambda: self._is_urgent, DELAY_S)
            lines = list(self._lines)
            if self._dropped:
                lines.append(self.format(_dropped_record(self._dropped)))
            self._lines.clear()
            self._dropped = 0
            self._is_urgent = False
            self._is_writing = True
            return lines


def _dropped_record(count: int) -> logging.LogRecord:
    message = "%d log lines were dropped because standard error was blocked"
    return logging.LogRecord("raner.logs", logging.WARNING, __file__, 0, message, (count,), None)
