"""Lanes: windows of many requests, read a batch at a time in a thread of their own.

BentoML's dispatcher makes batches of requests and has one under way at a time, so that a long document would hold up
everybody behind it. Here a text is cut into windows first. A turn of a lane takes one window of each job after the
other, until the token budget is full, and what is left of a job goes to the back: nobody is starved. Texts that a
window could hold have a lane of their own, so that between them and documents the operating system divides the time.

A lane belongs to one event loop and one recognizer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter

from ner_runtime.inference.batches import padded_tokens
from ner_runtime.inference.spans import Span
from ner_runtime.recognizer import EncodedText, EncodedWindow, Recognition, Recognizer
from ner_runtime.serving.telemetry.metrics import observe_batch

_PACE_MEMORY = 0.9
# Cutting or merging more than this is not for the event loop: everybody else's requests pass through it.
_CHARACTERS_AT_ONCE = 5_000
_WINDOWS_AT_ONCE = 100


@dataclass(slots=True)
class _Job:
    """The windows of one request, of which `taken` are on their way or done."""

    windows: list[EncodedWindow]
    done: asyncio.Future[None]
    spans: list[list[Span]] = field(default_factory=list)
    taken: int = 0
    began: float = 0.0
    _left: int = field(init=False)

    def __post_init__(self) -> None:
        self._left = sum(window.tokens for window in self.windows)

    @property
    def waiting(self) -> int:
        """Tokens that are yet to be taken."""
        return 0 if self.done.done() else self._left

    def take(self) -> EncodedWindow:
        """The next window, which is on its way from now on."""
        window = self.windows[self.taken]
        self.began = self.began or perf_counter()
        self.taken += 1
        self._left -= window.tokens
        return window


@dataclass(frozen=True, slots=True)
class Read:
    """What was found in the texts of a request, and when the first of them was begun (`perf_counter` seconds)."""

    recognitions: list[Recognition]
    began: float


class Pace:
    """How fast a lane reads, by its last batches."""

    def __init__(self) -> None:
        self._tokens = self._seconds = 0.0

    def note(self, tokens: int, seconds: float) -> None:
        """Note a batch."""
        self._tokens = self._tokens * _PACE_MEMORY + tokens
        self._seconds = self._seconds * _PACE_MEMORY + seconds

    def seconds(self, tokens: int) -> float:
        """Seconds that tokens will take; 0 before the first batch."""
        return tokens * self._seconds / self._tokens if self._tokens else 0.0


class Lane:
    """One queue and one thread."""

    def __init__(self, recognizer: Recognizer, max_batch_tokens: int, name: str) -> None:
        self._recognizer = recognizer
        self._max_batch_tokens = max_batch_tokens
        self._name = name
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"lane-{name}")
        self._jobs: deque[_Job] = deque()
        self._running: asyncio.Task[None] | None = None
        self._pace = Pace()
        self._under_way = 0  # tokens
        self._started = 0.0  # of the batch that is under way, in `perf_counter` seconds; 0 where there is none

    async def read(self, readings: Sequence[EncodedText]) -> Read:
        """Read texts that have been cut into windows. Cancelled, what has not been read yet is left."""
        job = _Job(
            [window for reading in readings for window in reading.encoded], asyncio.get_running_loop().create_future()
        )
        if job.windows:
            self._jobs.append(job)
            if self._running is None:
                self._running = asyncio.create_task(self._run())
            await job.done
        if len(job.windows) > _WINDOWS_AT_ONCE:
            recognitions = await asyncio.to_thread(_recognitions, readings, job.spans)
        else:
            recognitions = _recognitions(readings, job.spans)
        return Read(recognitions, job.began or perf_counter())

    def seconds_until_read(self, tokens: int) -> float:
        """Seconds until tokens that came now would all be read, behind those that are there; 0 where there are none."""
        before = self._under_way + sum(job.waiting for job in self._jobs)
        return self._pace.seconds(before + tokens) if before else 0.0

    def stuck(self, seconds: float) -> bool:
        """Whether a batch has been under way for longer than that."""
        return 0 < self._started < perf_counter() - seconds

    def close(self) -> None:
        """Let the thread go once what has been taken is done."""
        self._thread.shutdown(wait=False)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while turn := self._turn():
            windows = [window for _, window in turn]
            lengths = [window.tokens for window in windows]
            self._under_way = sum(lengths)
            started = self._started = perf_counter()
            try:
                spans = await loop.run_in_executor(self._thread, self._recognizer.decode, windows)
            except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
                for job, _ in turn:
                    _fail(job, error)
                continue
            finally:
                self._started = 0.0
                self._under_way = 0
            seconds = perf_counter() - started
            self._pace.note(sum(lengths), seconds)
            padded = padded_tokens(lengths, self._max_batch_tokens)
            observe_batch(self._name, windows, seconds, padded, self._max_batch_tokens)
            for (job, _), found in zip(turn, spans, strict=True):
                job.spans.append(found)
                if len(job.spans) == len(job.windows) and not job.done.done():
                    job.done.set_result(None)
        self._running = None

    def _turn(self) -> list[tuple[_Job, EncodedWindow]]:
        """One window of each job after the other, until the budget is full; at least one where there is any."""
        turn: list[tuple[_Job, EncodedWindow]] = []
        tokens = 0
        while self._jobs:
            job = self._jobs[0]
            if job.done.done():
                self._jobs.popleft()
                continue
            tokens += job.windows[job.taken].tokens
            if turn and tokens > self._max_batch_tokens:
                break
            self._jobs.popleft()
            turn.append((job, job.take()))
            if job.taken < len(job.windows):
                self._jobs.append(job)
        return turn


def _recognitions(readings: Sequence[EncodedText], spans: Sequence[list[Span]]) -> list[Recognition]:
    found = iter(spans)
    return [reading.recognition([next(found) for _ in reading.encoded]) for reading in readings]


def _fail(job: _Job, error: Exception) -> None:
    if not job.done.done():
        job.done.set_exception(error)


class Reader:
    """Reads texts with one recognizer: a single one that a window could hold in one lane, all else in the other."""

    def __init__(self, recognizer: Recognizer, max_batch_tokens: int) -> None:
        self.recognizer = recognizer
        self._short = Lane(recognizer, max_batch_tokens, "short")
        self._long = Lane(recognizer, max_batch_tokens, "long")

    async def read(self, texts: Sequence[str]) -> Read:
        """As `Recognizer.read`, in company with everybody else's texts."""
        long = sum(map(len, texts)) > _CHARACTERS_AT_ONCE
        readings = await asyncio.to_thread(self._open, texts) if long else self._open(texts)
        pieces = sum(len(window.ids) for reading in readings for window in reading.encoded)
        return await self._lane(len(texts), pieces).read(readings)

    def seconds_until_read(self, texts: Sequence[str]) -> float:
        """Seconds until texts that came now would be read, as far as can be told from their length."""
        tokens = sum(map(len, texts))
        return self._lane(len(texts), tokens).seconds_until_read(tokens)

    def _open(self, texts: Sequence[str]) -> list[EncodedText]:
        return [self.recognizer.encode(text) for text in texts]

    def _lane(self, texts: int, pieces: int) -> Lane:
        return self._short if texts <= 1 and pieces <= self.recognizer.window else self._long

    def stuck(self, seconds: float) -> bool:
        """Whether a batch has been under way for longer than that."""
        return self._short.stuck(seconds) or self._long.stuck(seconds)

    def close(self) -> None:
        """Let the threads go."""
        self._short.close()
        self._long.close()
