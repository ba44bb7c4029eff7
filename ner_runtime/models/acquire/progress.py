"""Print progress to standard error, so that standard output contains data only.

On a terminal, a download shows a progress bar. Elsewhere, such as in a log file, it prints one line per 10 %.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

_LINES = 10
Advance = Callable[[int], None]


class Progress:
    """Prints the steps of a long operation."""

    def __init__(self, console: Console | None = None) -> None:
        """Print to `console`; default: the current standard error."""
        self._console = console or Console(file=sys.stderr, highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """Print one line."""
        self._console.print(f"raner: {line}", markup=False)

    @contextmanager
    def download(self, total: int) -> Generator[Advance]:
        """Show the progress of a download of `total` bytes.

        Yields a function to call with the number of bytes of each block.
        """
        if not self._console.is_terminal:
            yield _LogProgress(total, self.say).advance
            return
        columns = (
            TextColumn("downloading"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Bar(*columns, console=self._console) as bar:
            task = bar.add_task("", total=total)
            yield lambda more: bar.advance(task, more)


class _LogProgress:
    """Prints one line per 10 % of a download."""

    def __init__(self, total: int, say: Callable[[str], None]) -> None:
        self._total = max(total, 1)
        self._say = say
        self._done = 0
        self._printed = 0
        self._lock = threading.Lock()  # several threads download files

    def advance(self, more: int) -> None:
        with self._lock:
            self._done += more
            tenth = self._done * _LINES // self._total
            if tenth > self._printed:
                self._printed = tenth
                self._say(f"downloaded {decimal(self._done)} of {decimal(self._total)}")
