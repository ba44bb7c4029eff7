"""Jobs and batches: the windows of a request, and those that run together.

The event loop and the engine's thread use the same jobs, so windows are taken only while the queue's lock is held.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from time import perf_counter

from ner_runtime.inference.spans import Span
from ner_runtime.inference.windows.encoded import EncodedWindow


class Job:
    """The windows of one request, which are taken from the shortest to the longest."""

    __slots__ = ("_left", "_lengths", "_order", "_waiting", "done", "spans", "started", "windows")

    def __init__(self, windows: list[EncodedWindow], done: asyncio.Future[None]) -> None:
        self.windows = windows
        self.done = done
        self.spans: list[list[Span]] = [[] for _ in windows]
        self.started = 0.0
        self._left = len(windows)
        self._lengths = [window.tokens for window in windows]
        # Longest first: windows are taken from the end.
        self._order = sorted(range(len(windows)), key=self._lengths.__getitem__, reverse=True)
        self._waiting = sum(self._lengths)

    @property
    def waiting_tokens(self) -> int:
        """Number of tokens in the windows that have not been taken; 0 if the job is done."""
        return 0 if self.done.done() else self._waiting

    @property
    def next_tokens(self) -> int:
        """Number of tokens in the window that is taken next."""
        return self._lengths[self._order[-1]]

    @property
    def is_taken(self) -> bool:
        """Whether every window is in a batch or done."""
        return not self._order

    def take(self) -> int:
        """Take the next window into a batch; return its index."""
        index = self._order.pop()
        self.started = self.started or perf_counter()
        self._waiting -= self._lengths[index]
        return index

    def deliver(self, index: int, spans: list[Span]) -> None:
        """Store the spans of a window. The last window completes the job."""
        self.spans[index] = spans
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(None)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Windows that run together; `started` is in `perf_counter` seconds."""

    places: list[tuple[Job, int]]  # the job of each window, and its index there
    windows: list[EncodedWindow]
    started: float

    @property
    def tokens(self) -> int:
        """Number of tokens, without padding."""
        return sum(window.tokens for window in self.windows)

    @property
    def is_shared(self) -> bool:
        """Whether its windows come from several jobs."""
        first = self.places[0][0]
        return any(job is not first for job, _ in self.places)


def next_batch(jobs: deque[Job], max_tokens: int) -> Batch | None:
    """Take one window of each job in turn until `max_tokens` are reached; at least one, or return None.

    A job that is not finished goes to the back of `jobs`. Cancelled jobs are removed.
    """
    places: list[tuple[Job, int]] = []
    tokens = 0
    while jobs:
        job = jobs[0]
        if job.done.done():
            jobs.popleft()
            continue
        tokens += job.next_tokens
        if places and tokens > max_tokens:
            break
        jobs.popleft()
        places.append((job, job.take()))
        if not job.is_taken:
            jobs.append(job)
    if not places:
        return None
    return Batch(places, [job.windows[index] for job, index in places], perf_counter())


def deliver(batch: Batch, outcome: list[list[Span]] | Exception) -> None:
    """Pass the spans of a batch, or its error, to its jobs. Runs in the event loop."""
    if isinstance(outcome, Exception):
        for job, _ in batch.places:
            if not job.done.done():
                job.done.set_exception(outcome)
        return
    for (job, index), spans in zip(batch.places, outcome, strict=True):
        job.deliver(index, spans)
