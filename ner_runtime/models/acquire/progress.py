"""Progress: what long work tells the person who waits, on the standard error, so that the standard output is data only.

On a terminal a download has a bar; elsewhere, as in a log, it has a line now and then.
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
    """Tells what is being done."""

    def __init__(self, console: Console | None = None) -> None:
        """`console`: where to; by default the standard error of now."""
        self._console = console or Console(file=sys.stderr, highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """One line."""
        self._console.print(f"raner: {line}", markup=False)

    @contextmanager
    def download(self, total: int) -> Generator[Advance]:
        """Show a download of `total` bytes while the block runs; gives what is to be told of every bytes more."""
        if not self._console.is_terminal:
            yield _Lines(total, self.say).advance
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


class _Lines:
    """A line for each tenth."""

    def __init__(self, total: int, say: Callable[[str], None]) -> None:
        self._total = max(total, 1)
        self._say = say
        self._done = 0
        self._said = 0
        self._lock = threading.Lock()  # files come on several threads

    def advance(self, more: int) -> None:
        with self._lock:
            self._done += more
            tenth = self._done * _LINES // self._total
            if tenth > self._said:
                self._said = tenth
                self._say(f"downloaded {decimal(self._done)} of {decimal(self._total)}")
