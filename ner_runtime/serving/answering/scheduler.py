"""Scheduler: splits texts into windows and runs the windows of many requests in batches with a token budget.

BentoML's dispatcher batches requests and runs one batch at a time, so that a long document would delay every request
behind it. The scheduler splits each text into windows first. A batch takes one window of each job in turn until the
token budget is full; an unfinished job goes to the back of the queue, so that no job starves. The windows of a job are
taken in order of their length, so that a batch has little padding. Texts that fit in one window have a queue and
threads of their own, so that the operating system shares the CPU between them and long documents.

A scheduler belongs to one event loop and one recognizer.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from ner_runtime.entities import Recognition
from ner_runtime.inference.batches import BatchEmissions
from ner_runtime.inference.spans import Span
from ner_runtime.inference.windows.encoded import EncodedText, EncodedWindow
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.recognizer import Recognizer
from ner_runtime.serving.answering.threads import MAX_INLINE_CHARS, lower_priority, run, run_for_document
from ner_runtime.serving.api.errors import Overloaded
from ner_runtime.serving.telemetry.deferred import DEFERRED
from ner_runtime.serving.telemetry.metrics import SHED, ModelMetrics
from ner_runtime.settings import DEFAULT_MODEL

# Weight of earlier batches in the throughput estimate.
_DECAY = 0.9
# Longer texts that lexicons apply to, and larger numbers of windows, are processed in a thread, so that they do not
# block the event loop.
_MAX_INLINE_MATCHED_CHARS = 1_000
_MAX_INLINE_WINDOWS = 100
# A batch of the queue for documents and lists is large enough for several runs of the engine: the recognizer finds more
# windows of similar length in it, and the threads take turns less often. Short texts that wait for each other cannot
# fill such a batch, and the engine would wait while they are decoded.
_LONG_RUNS = 4
# Without `overlap`: iterations of the event loop between two batches. After about four, the responses of a batch are
# sent; after as many again, the next requests of clients with a short round trip are in the queue, so that they share
# the next batch.
_ITERATIONS_BETWEEN_BATCHES = 8
# With `overlap`: one batch in the engine and one in decoding. The next batch is taken when one of them is done, so that
# it is large. Without, there is never more than one.
_MOST_IN_PROGRESS = 2


class _Job:
    """The windows of one request, which are taken in order of their length."""

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
        """Store the spans of a window. The job is done with the last one."""
        self.spans[index] = spans
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(None)


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


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Windows that run together; `started` is in `perf_counter` seconds."""

    places: list[tuple[_Job, int]]  # the job of each window, and its index there
    windows: list[EncodedWindow]
    started: float

    @property
    def tokens(self) -> int:
        return sum(window.tokens for window in self.windows)

    @property
    def is_shared(self) -> bool:
        """Whether its windows come from several jobs."""
        first = self.places[0][0]
        return any(job is not first for job, _ in self.places)


class WindowQueue:
    """A queue of windows, and the threads that process them.

    With `overlap`, one thread runs the engine on a batch while the other decodes the one before it. The engine's thread
    takes its next batch itself, as late as possible and without waiting for the event loop, so that the engine is idle
    only if no window waits.

    Without a CPU for the second thread, two threads are slower than one with fewer and larger batches. Without
    `overlap`, one thread therefore does both. After a batch that several jobs shared, or if jobs wait, the event loop
    starts the next one after some iterations, in which more requests can arrive.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        max_batch_tokens: int,
        name: str,
        metrics: ModelMetrics,
        *,
        overlap: bool = True,
    ) -> None:
        """`name`: name of the queue in metrics."""
        self._recognizer = recognizer
        self._max_batch_tokens = max_batch_tokens
        self._name = name
        self._metrics = metrics
        self._engine = _thread(f"inference-{name}")
        self._decoder = _thread(f"decoding-{name}") if overlap else None
        self._free = threading.Semaphore(_MOST_IN_PROGRESS)
        # The next call of `_start` or `_restart`, if the event loop will call one of them.
        self._starting: asyncio.Handle | None = None
        # Guards `_jobs`, `_running` and `_batches`, which the event loop and the engine's thread use. `_running` is set
        # while `_start`, `_restart` or the engine's thread will process the jobs that wait.
        self._lock = threading.Lock()
        self._jobs: deque[_Job] = deque()
        self._running = False
        self._batches: list[_Batch] = []  # in the engine or in decoding
        self._throughput = Throughput()

    async def recognize(self, texts: Sequence[EncodedText]) -> ScheduledResult:
        """Recognize encoded texts. When cancelled, windows that are not in a batch yet are dropped."""
        loop = asyncio.get_running_loop()
        job = _Job([window for text in texts for window in text.encoded], loop.create_future())
        if job.windows:
            with self._lock:
                self._jobs.append(job)
                is_idle, self._running = not self._running, True
            if is_idle:
                self._start(loop)
            await job.done
        if len(job.windows) > _MAX_INLINE_WINDOWS:
            recognitions = await run_for_document(partial(_recognitions, texts, job.spans))
        else:
            recognitions = _recognitions(texts, job.spans)
        return ScheduledResult(recognitions, job.started or perf_counter())

    def estimated_seconds(self, tokens: int) -> float:
        """Estimate the time in seconds until `tokens` new tokens are done; 0 if the queue is empty."""
        with self._lock:
            running = sum(batch.tokens for batch in self._batches)
            before = running + sum(job.waiting_tokens for job in self._jobs)
        return self._throughput.seconds(before + tokens) if before else 0.0

    def stuck(self, seconds: float) -> bool:
        """Whether a batch has been running for longer than `seconds`."""
        latest = perf_counter() - seconds
        with self._lock:
            return any(batch.started < latest for batch in self._batches)

    def close(self) -> None:
        """Stop the threads after the running batches. Jobs that wait for the event loop to start the engine fail."""
        if self._starting is not None:
            self._starting.cancel()
            self._fail(RuntimeError("the queue was closed"))
        self._engine.shutdown(wait=False)
        if self._decoder is not None:
            self._decoder.shutdown(wait=False)

    def _start(self, loop: asyncio.AbstractEventLoop, waiting_before: int = 0) -> None:
        """Start the engine when an iteration of the event loop has added no job, or when a batch is full.

        Requests that arrive together then share a batch.
        """
        # Only the event loop adds jobs, and the engine takes none before it is started.
        waiting = len(self._jobs)
        if waiting > waiting_before and not self._has_full_batch():
            self._starting = loop.call_soon(self._start, loop, waiting)
        else:
            self._submit(loop)

    def _restart(self, loop: asyncio.AbstractEventLoop, iterations: int = _ITERATIONS_BETWEEN_BATCHES) -> None:
        """Start the engine after some iterations of the event loop, if a job waits then, or when a batch is full."""
        if iterations and not self._has_full_batch():
            self._starting = loop.call_soon(self._restart, loop, iterations - 1)
            return
        with self._lock:
            self._running = has_jobs = bool(self._jobs)
        if has_jobs:
            self._submit(loop)
        else:
            self._starting = None

    def _has_full_batch(self) -> bool:
        with self._lock:
            return sum(job.waiting_tokens for job in self._jobs) >= self._max_batch_tokens

    def _submit(self, loop: asyncio.AbstractEventLoop) -> None:
        self._starting = None
        try:
            self._engine.submit(self._run, loop)
        except RuntimeError as error:
            # The queue was closed while a batch was running.
            self._fail(error)

    def _fail(self, error: RuntimeError) -> None:
        """Pass an error to every job that waits."""
        with self._lock:
            jobs, self._jobs, self._running = self._jobs, deque[_Job](), False
        for job in jobs:
            if not job.done.done():
                job.done.set_exception(error)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Process batches until no window waits; without `overlap`, only one batch. Runs in the engine's thread."""
        while True:
            # If decoding is slower than the engine, wait before the batch is taken: more windows can join it.
            self._free.acquire()
            batch = self._next_batch()
            if batch is None:
                self._free.release()
                return
            self._process(batch, loop)
            if self._decoder is None:
                return
            # The reference would keep the memory until the next batch.
            del batch

    def _process(self, batch: _Batch, loop: asyncio.AbstractEventLoop) -> None:
        """Run the engine on a batch, and decode it or hand it to the decoder's thread."""
        try:
            emissions = self._recognizer.run_engine(batch.windows)
        except Exception as error:  # noqa: BLE001 - every request of the batch gets the error, whatever it is
            self._end(batch, error, loop)
            return
        seconds = perf_counter() - batch.started
        # Handing over a batch that is alone would take longer than it saves.
        if self._decoder is None or self._is_alone(batch):
            self._decode(batch, emissions, seconds, loop)
        else:
            self._decoder.submit(self._decode, batch, emissions, seconds, loop)

    def _is_alone(self, batch: _Batch) -> bool:
        """Whether nothing waits for the engine, and no batch before this one is still being decoded."""
        with self._lock:
            return not self._jobs and self._batches == [batch]

    def _decode(
        self, batch: _Batch, emissions: Sequence[BatchEmissions], engine_s: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Decode a batch. Runs in the decoder's thread; without `overlap`, or if it is alone, in the engine's."""
        started = perf_counter()
        try:
            spans = self._recognizer.decode(batch.windows, emissions)
        except Exception as error:  # noqa: BLE001 - every request of the batch gets the error, whatever it is
            self._end(batch, error, loop)
            return
        ended = perf_counter()
        seconds = engine_s + ended - started
        # Two threads work at the same time: the slower one determines the throughput.
        self._throughput.observe(batch.tokens, max(engine_s, ended - started) if self._decoder else seconds)
        padded = sum(len(part.windows) * max(batch.windows[i].tokens for i in part.windows) for part in emissions)
        observe = partial(
            self._metrics.observe_batch, self._name, batch.windows, seconds, padded, self._max_batch_tokens
        )
        self._end(batch, spans, loop, observe)

    def _end(
        self,
        batch: _Batch,
        outcome: list[list[Span]] | Exception,
        loop: asyncio.AbstractEventLoop,
        observe: Callable[[], None] | None = None,
    ) -> None:
        with self._lock:
            # Before the batch is removed: from then on, the engine's thread may decode and deliver the next one.
            # The loop is closed if the service stops while a batch is running.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_deliver, batch, outcome, observe)
                if self._decoder is None:
                    if self._jobs or batch.is_shared:
                        loop.call_soon_threadsafe(self._restart, loop)
                    else:
                        # One client alone: no other request is likely to follow at the same time.
                        self._running = False
            self._batches.remove(batch)
        self._free.release()

    def _next_batch(self) -> _Batch | None:
        """Take one window of each job in turn until the budget is full; at least one, or return None."""
        places: list[tuple[_Job, int]] = []
        tokens = 0
        with self._lock:
            while self._jobs:
                job = self._jobs[0]
                if job.done.done():
                    self._jobs.popleft()
                    continue
                tokens += job.next_tokens
                if places and tokens > self._max_batch_tokens:
                    break
                self._jobs.popleft()
                places.append((job, job.take()))
                if not job.is_taken:
                    self._jobs.append(job)
            if not places:
                self._running = False
                return None
            batch = _Batch(places, [job.windows[index] for job, index in places], perf_counter())
            self._batches.append(batch)
            return batch


def _thread(name: str) -> ThreadPoolExecutor:
    """Start a thread of low priority. It starts at once, so that later calls cannot fail because it does not start."""
    executor = ThreadPoolExecutor(1, name, lower_priority)
    executor.submit(int)
    return executor


def _deliver(batch: _Batch, outcome: list[list[Span]] | Exception, observe: Callable[[], None] | None) -> None:
    """Pass the spans of a batch, or its error, to its jobs. Runs in the event loop."""
    if observe is not None:
        DEFERRED.call(observe)
    if isinstance(outcome, Exception):
        for job, _ in batch.places:
            if not job.done.done():
                job.done.set_exception(outcome)
        return
    for (job, index), spans in zip(batch.places, outcome, strict=True):
        job.deliver(index, spans)


def _recognitions(texts: Sequence[EncodedText], spans: Sequence[list[Span]]) -> list[Recognition]:
    remaining = iter(spans)
    return [text.recognition([next(remaining) for _ in text.encoded]) for text in texts]


class Scheduler:
    """Recognizes texts with one recognizer. Requests with one text that fits in one window have their own queue."""

    def __init__(
        self,
        recognizer: Recognizer,
        max_wait_s: float = math.inf,
        metrics: ModelMetrics | None = None,
        *,
        overlap: bool = True,
    ) -> None:
        """Start with empty queues.

        Args:
            recognizer: the model
            max_wait_s: a request is rejected if the estimated time until it is done, in seconds, is longer
            metrics: records the batches and the texts; by default those of the model `default`
            overlap: decode short texts while the engine runs on the next ones; needs a CPU besides those of the engine
        """
        self.recognizer = recognizer
        self.metrics = metrics or ModelMetrics(DEFAULT_MODEL)
        self._max_wait_s = max_wait_s
        budget = recognizer.max_batch_tokens
        self._short = WindowQueue(recognizer, budget, "short", self.metrics, overlap=overlap)
        self._long = WindowQueue(recognizer, _LONG_RUNS * budget, "long", self.metrics)

    async def recognize(self, texts: Sequence[str], lexicon: LexiconSet | None = None) -> ScheduledResult:
        """Recognize the texts of one request, in batches with those of other requests.

        Args:
            texts: the texts
            lexicon: the lexicons of the request

        Raises:
            Overloaded: the queue is too long for the texts to be done within `max_wait_s`.
        """
        wait = self.estimated_seconds(texts)
        if wait > self._max_wait_s:
            SHED.labels("queue").inc()
            raise Overloaded("the queue is too long; try again shortly", math.ceil(wait / 2))
        most_inline = MAX_INLINE_CHARS if lexicon is None else _MAX_INLINE_MATCHED_CHARS
        encoded = await run(partial(self._encode, texts, lexicon), sum(map(len, texts)), most_inline)
        pieces = sum(len(window.ids) for text in encoded for window in text.encoded)
        result = await self._queue(len(texts), pieces).recognize(encoded)
        characters = sum(map(len, texts))
        DEFERRED.call(self.metrics.observe_texts, characters, result.recognitions, self.recognizer.types)
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

    def _encode(self, texts: Sequence[str], lexicon: LexiconSet | None) -> list[EncodedText]:
        return [self.recognizer.encode(text, lexicon) for text in texts]

    def _queue(self, texts: int, pieces: int) -> WindowQueue:
        return self._short if texts <= 1 and pieces <= self.recognizer.window else self._long
