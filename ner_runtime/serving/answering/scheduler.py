"""Scheduler: splits texts into windows and runs the windows of many requests in batches with a token budget.

BentoML's dispatcher batches requests and runs one batch at a time, so that a long document would delay every request
behind it. The scheduler splits each text into windows first. A batch takes one window of each job in turn until the
token budget is full; an unfinished job goes to the back of the queue, so that no job starves. Texts that fit in one
window have their own queue and thread, so that the operating system shares the CPU between them and long documents.

A scheduler belongs to one event loop and one recognizer.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter

from ner_runtime.inference.batches import padded_tokens
from ner_runtime.inference.spans import Span
from ner_runtime.recognizer import EncodedText, EncodedWindow, Recognition, Recognizer
from ner_runtime.serving.api.errors import Overloaded
from ner_runtime.serving.telemetry.metrics import SHED, ModelMetrics
from ner_runtime.settings import DEFAULT_MODEL

# Weight of earlier batches in the throughput estimate.
_DECAY = 0.9
# Longer texts and larger numbers of windows are processed in a thread, so that they do not block the event loop.
_MAX_INLINE_CHARS = 5_000
_MAX_INLINE_WINDOWS = 100


@dataclass(slots=True)
class _Job:
    """The windows of one request; the first `taken` of them are in a batch or done."""

    windows: list[EncodedWindow]
    done: asyncio.Future[None]
    spans: list[list[Span]] = field(default_factory=list[list[Span]])
    taken: int = 0
    started: float = 0.0
    _waiting: int = field(init=False)

    def __post_init__(self) -> None:
        self._waiting = sum(window.tokens for window in self.windows)

    @property
    def waiting_tokens(self) -> int:
        """Number of tokens in the windows that have not been taken; 0 if the job is done."""
        return 0 if self.done.done() else self._waiting

    def take(self) -> EncodedWindow:
        """Take the next window into a batch."""
        window = self.windows[self.taken]
        self.started = self.started or perf_counter()
        self.taken += 1
        self._waiting -= window.tokens
        return window


@dataclass(frozen=True, slots=True)
class ScheduledResult:
    """The recognition of each text of a request, and when inference started, in `perf_counter` seconds."""

    recognitions: list[Recognition]
    started: float


class Throughput:
    """Estimates durations from recent batches."""

    def __init__(self) -> None:
        self._tokens = self._seconds = 0.0

    def observe(self, tokens: int, seconds: float) -> None:
        """Record a batch."""
        self._tokens = self._tokens * _DECAY + tokens
        self._seconds = self._seconds * _DECAY + seconds

    def seconds(self, tokens: int) -> float:
        """Estimate the time in seconds to process `tokens` tokens; 0 before the first batch."""
        return tokens * self._seconds / self._tokens if self._tokens else 0.0


class WindowQueue:
    """A queue of windows and the thread that runs them in batches."""

    def __init__(self, recognizer: Recognizer, max_batch_tokens: int, name: str, metrics: ModelMetrics) -> None:
        """`name`: name of the queue in metrics."""
        self._recognizer = recognizer
        self._max_batch_tokens = max_batch_tokens
        self._name = name
        self._metrics = metrics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"inference-{name}")
        self._jobs: deque[_Job] = deque()
        self._running: asyncio.Task[None] | None = None
        self._throughput = Throughput()
        self._batch_tokens = 0  # of the running batch
        self._batch_started = 0.0  # in `perf_counter` seconds; 0 if no batch is running

    async def recognize(self, texts: Sequence[EncodedText]) -> ScheduledResult:
        """Recognize encoded texts. When cancelled, windows that are not in a batch yet are dropped."""
        job = _Job([window for text in texts for window in text.encoded], asyncio.get_running_loop().create_future())
        if job.windows:
            self._jobs.append(job)
            if self._running is None:
                self._running = asyncio.create_task(self._run())
            await job.done
        if len(job.windows) > _MAX_INLINE_WINDOWS:
            recognitions = await asyncio.to_thread(_recognitions, texts, job.spans)
        else:
            recognitions = _recognitions(texts, job.spans)
        return ScheduledResult(recognitions, job.started or perf_counter())

    def estimated_seconds(self, tokens: int) -> float:
        """Estimate the time in seconds until `tokens` new tokens are done; 0 if the queue is empty."""
        before = self._batch_tokens + sum(job.waiting_tokens for job in self._jobs)
        return self._throughput.seconds(before + tokens) if before else 0.0

    def stuck(self, seconds: float) -> bool:
        """Whether a batch has been running for longer than `seconds`."""
        return 0 < self._batch_started < perf_counter() - seconds

    def close(self) -> None:
        """Stop the thread after the running batch."""
        self._thread.shutdown(wait=False)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._next_batch():
            windows = [window for _, window in batch]
            lengths = [window.tokens for window in windows]
            self._batch_tokens = sum(lengths)
            started = self._batch_started = perf_counter()
            try:
                spans = await loop.run_in_executor(self._thread, self._recognizer.decode, windows)
            except Exception as error:  # noqa: BLE001 - every request of the batch gets the error, whatever it is
                for job, _ in batch:
                    if not job.done.done():
                        job.done.set_exception(error)
                continue
            finally:
                self._batch_started = 0.0
                self._batch_tokens = 0
            seconds = perf_counter() - started
            self._throughput.observe(sum(lengths), seconds)
            padded = padded_tokens(lengths, self._max_batch_tokens)
            self._metrics.observe_batch(self._name, windows, seconds, padded, self._max_batch_tokens)
            for (job, _), found in zip(batch, spans, strict=True):
                job.spans.append(found)
                if len(job.spans) == len(job.windows) and not job.done.done():
                    job.done.set_result(None)
        self._running = None

    def _next_batch(self) -> list[tuple[_Job, EncodedWindow]]:
        """Take one window of each job in turn until the budget is full; at least one if any is waiting."""
        batch: list[tuple[_Job, EncodedWindow]] = []
        tokens = 0
        while self._jobs:
            job = self._jobs[0]
            if job.done.done():
                self._jobs.popleft()
                continue
            tokens += job.windows[job.taken].tokens
            if batch and tokens > self._max_batch_tokens:
                break
            self._jobs.popleft()
            batch.append((job, job.take()))
            if job.taken < len(job.windows):
                self._jobs.append(job)
        return batch


def _recognitions(texts: Sequence[EncodedText], spans: Sequence[list[Span]]) -> list[Recognition]:
    remaining = iter(spans)
    return [text.recognition([next(remaining) for _ in text.encoded]) for text in texts]


class Scheduler:
    """Recognizes texts with one recognizer. Requests with one text that fits in one window have their own queue."""

    def __init__(
        self,
        recognizer: Recognizer,
        max_batch_tokens: int,
        max_wait_s: float = math.inf,
        metrics: ModelMetrics | None = None,
    ) -> None:
        """Start with empty queues.

        Args:
            recognizer: the model
            max_batch_tokens: token budget of a batch
            max_wait_s: a request is rejected if the estimated time until it is done, in seconds, is longer
            metrics: records the batches and the texts; by default those of the model `default`
        """
        self.recognizer = recognizer
        self.metrics = metrics or ModelMetrics(DEFAULT_MODEL)
        self._max_wait_s = max_wait_s
        self._short = WindowQueue(recognizer, max_batch_tokens, "short", self.metrics)
        self._long = WindowQueue(recognizer, max_batch_tokens, "long", self.metrics)

    async def recognize(self, texts: Sequence[str]) -> ScheduledResult:
        """Recognize the texts of one request, in batches with those of other requests.

        Raises:
            Overloaded: the queue is too long for the texts to be done within `max_wait_s`.
        """
        wait = self.estimated_seconds(texts)
        if wait > self._max_wait_s:
            SHED.labels("queue").inc()
            raise Overloaded("the queue is too long; try again shortly", math.ceil(wait / 2))
        inline = sum(map(len, texts)) <= _MAX_INLINE_CHARS
        encoded = self._encode(texts) if inline else await asyncio.to_thread(self._encode, texts)
        pieces = sum(len(window.ids) for text in encoded for window in text.encoded)
        result = await self._queue(len(texts), pieces).recognize(encoded)
        for text, recognition in zip(texts, result.recognitions, strict=True):
            self.metrics.observe_text(text, recognition)
        return result

    def estimated_seconds(self, texts: Sequence[str]) -> float:
        """Estimate the time in seconds until new `texts` are done, from their number of characters."""
        tokens = sum(map(len, texts))
        return self._queue(len(texts), tokens).estimated_seconds(tokens)

    def stuck(self, seconds: float) -> bool:
        """Whether a batch has been running for longer than `seconds`."""
        return self._short.stuck(seconds) or self._long.stuck(seconds)

    def close(self) -> None:
        """Stop the threads after their running batches."""
        self._short.close()
        self._long.close()

    def _encode(self, texts: Sequence[str]) -> list[EncodedText]:
        return [self.recognizer.encode(text) for text in texts]

    def _queue(self, texts: int, pieces: int) -> WindowQueue:
        return self._short if texts <= 1 and pieces <= self.recognizer.window else self._long
