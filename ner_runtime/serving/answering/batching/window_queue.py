"""Window queue: processes the windows of many requests in batches, in threads of its own.

BentoML's dispatcher batches requests and runs one batch at a time, so that a long document would delay every request
behind it. Here, a batch takes one window of each job in turn until the token budget is full, so that no job starves.
The windows of a job are taken in order of their length, so that a batch has little padding.
"""

from __future__ import annotations

import asyncio
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
from ner_runtime.inference.windows.encoded import EncodedText
from ner_runtime.recognizer import Recognizer
from ner_runtime.serving.answering.batching.jobs import Batch, Job, deliver, next_batch
from ner_runtime.serving.answering.threads import lower_priority, run_for_document
from ner_runtime.serving.telemetry.deferred import DEFERRED
from ner_runtime.serving.telemetry.metrics import ModelMetrics

# Weight of earlier batches in the throughput estimate.
_DECAY = 0.9
# Larger numbers of windows are merged in a thread, so that they do not block the event loop.
_MAX_INLINE_WINDOWS = 100
# Without `overlap`: iterations of the event loop between two batches. After about four, the responses of a batch are
# sent; after as many again, the next requests of clients with a short round trip are in the queue, so that they share
# the next batch.
_ITERATIONS_BETWEEN_BATCHES = 8
# With `overlap`: one batch in the engine and one in decoding. The next batch is taken when one of them is done, so that
# it is large. Without, there is never more than one.
_MOST_IN_PROGRESS = 2


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
        self._jobs: deque[Job] = deque()
        self._running = False
        self._batches: list[Batch] = []  # in the engine or in decoding
        self._throughput = Throughput()

    async def recognize(self, texts: Sequence[EncodedText]) -> ScheduledResult:
        """Recognize encoded texts. When cancelled, windows that are not in a batch yet are dropped."""
        loop = asyncio.get_running_loop()
        job = Job([window for text in texts for window in text.encoded], loop.create_future())
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
            jobs, self._jobs, self._running = self._jobs, deque[Job](), False
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

    def _process(self, batch: Batch, loop: asyncio.AbstractEventLoop) -> None:
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

    def _is_alone(self, batch: Batch) -> bool:
        """Whether nothing waits for the engine, and no batch before this one is still being decoded."""
        with self._lock:
            return not self._jobs and self._batches == [batch]

    def _decode(
        self, batch: Batch, emissions: Sequence[BatchEmissions], engine_s: float, loop: asyncio.AbstractEventLoop
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
        batch: Batch,
        outcome: list[list[Span]] | Exception,
        loop: asyncio.AbstractEventLoop,
        observe: Callable[[], None] | None = None,
    ) -> None:
        with self._lock:
            # Before the batch is removed: from then on, the engine's thread may decode and deliver the next one.
            # The loop is closed if the service stops while a batch is running.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_record_and_deliver, batch, outcome, observe)
                if self._decoder is None:
                    if self._jobs or batch.is_shared:
                        loop.call_soon_threadsafe(self._restart, loop)
                    else:
                        # One client alone: no other request is likely to follow at the same time.
                        self._running = False
            self._batches.remove(batch)
        self._free.release()

    def _next_batch(self) -> Batch | None:
        with self._lock:
            batch = next_batch(self._jobs, self._max_batch_tokens)
            if batch is None:
                self._running = False
            else:
                self._batches.append(batch)
            return batch


def _thread(name: str) -> ThreadPoolExecutor:
    """Start a thread of low priority. It starts at once, so that later calls cannot fail because it does not start."""
    executor = ThreadPoolExecutor(1, name, lower_priority)
    executor.submit(int)
    return executor


def _record_and_deliver(
    batch: Batch, outcome: list[list[Span]] | Exception, observe: Callable[[], None] | None
) -> None:
    if observe is not None:
        DEFERRED.call(observe)
    deliver(batch, outcome)


def _recognitions(texts: Sequence[EncodedText], spans: Sequence[list[Span]]) -> list[Recognition]:
    remaining = iter(spans)
    return [text.recognition([next(remaining) for _ in text.encoded]) for text in texts]
