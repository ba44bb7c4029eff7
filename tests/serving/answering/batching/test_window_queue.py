"""The window queue with the real model: the order of windows, and when a batch starts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import partial
from itertools import count
from random import Random

import pytest

from ner_runtime import Recognizer
from ner_runtime.inference.batches import BatchEmissions
from ner_runtime.inference.spans import Span
from ner_runtime.inference.windows.encoded import EncodedWindow
from ner_runtime.serving.answering.batching import jobs, window_queue
from ner_runtime.serving.answering.batching.window_queue import Throughput, WindowQueue
from ner_runtime.serving.telemetry.metrics import ModelMetrics
from tests.support.models.recording import DOCUMENT, SENTENCE, RecordingRecognizer, entities

pytestmark = pytest.mark.anyio


async def test_a_batch_keeps_to_the_budget_and_takes_one_window_of_each_job_in_turn(
    recording: RecordingRecognizer,
) -> None:
    budget = 2 * (recording.window + 2)
    queue = WindowQueue(recording, budget, "short", ModelMetrics("test"))
    long, short = recording.encode(DOCUMENT), recording.encode(DOCUMENT[: len(DOCUMENT) // 3])
    first, second = (asyncio.ensure_future(queue.recognize([text])) for text in (long, short))
    await asyncio.gather(first, second)
    own = {id(window) for window in short.encoded}
    batches = max(number for number, windows in enumerate(recording.windows, 1) if own & {id(w) for w in windows})
    assert all(sum(batch) <= budget for batch in recording.batches)
    assert sum(map(len, recording.batches)) == len(long.windows) + len(short.windows)
    # One window of each per batch: the shorter text takes as many batches as it has windows, or a few less.
    assert len(short.windows) // 2 <= batches <= len(short.windows) + 1


async def test_windows_of_a_document_are_taken_in_order_of_their_length(recognizer: Recognizer) -> None:
    recording = RecordingRecognizer.of(recognizer, by_sentence=True)
    queue = WindowQueue(recording, 512, "long", ModelMetrics("test"))
    text = "".join(f"{'昨天，' * Random(seed).randrange(30)}记者在杭州见到了张伟。" for seed in range(60))
    result = await queue.recognize([recording.encode(text)])
    taken = [tokens for batch in recording.batches for tokens in batch]
    assert len(taken) > 50
    assert taken == sorted(taken)
    expected = [[(e.type, e.start, e.end) for e in found] for found in recognizer.recognize([text], recognizer.types)]
    assert entities(result.recognitions) == expected


async def test_short_texts_that_arrive_together_share_the_first_batch(recording: RecordingRecognizer) -> None:
    queue = WindowQueue(recording, 2048, "short", ModelMetrics("test"))
    await asyncio.gather(*(queue.recognize([recording.encode(SENTENCE)]) for _ in range(20)))
    assert [len(batch) for batch in recording.batches] == [20]


class CountingQueue(WindowQueue):
    """Records how many jobs wait each time the engine is started."""

    waiting: list[int]

    def _submit(self, loop: asyncio.AbstractEventLoop) -> None:
        self.waiting.append(len(self._jobs))
        super()._submit(loop)


async def test_without_overlap_clients_that_ask_again_share_the_next_batch(recording: RecordingRecognizer) -> None:
    queue = CountingQueue(recording, 2048, "short", ModelMetrics("test"), overlap=False)
    queue.waiting = []

    async def client(iterations: int) -> None:
        for _ in range(3):
            await queue.recognize([recording.encode(SENTENCE)])
            for _ in range(iterations):
                await asyncio.sleep(0)

    await asyncio.gather(*(client(index % 2 * 5) for index in range(8)))
    assert queue.waiting == [8, 8, 8]


async def test_a_full_batch_is_not_kept_waiting(recording: RecordingRecognizer) -> None:
    tokens = recording.encode(SENTENCE).encoded[0].tokens
    queue = WindowQueue(recording, 4 * tokens, "short", ModelMetrics("test"), overlap=False)
    await asyncio.gather(*(queue.recognize([recording.encode(SENTENCE)]) for _ in range(10)))
    assert [len(batch) for batch in recording.batches] == [4, 4, 2]


async def test_without_overlap_one_thread_runs_the_engine_and_decodes(
    recording: RecordingRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = WindowQueue(recording, 512, "short", ModelMetrics("test"), overlap=False)
    decode, threads = recording.decode, set[str]()

    def record(encoded: Sequence[EncodedWindow], emissions: Sequence[BatchEmissions] | None = None) -> list[list[Span]]:
        threads.add(threading.current_thread().name)
        return decode(encoded, emissions)

    monkeypatch.setattr(recording, "decode", record)
    await queue.recognize([recording.encode(DOCUMENT)])
    assert threads == {"inference-short_0"}


async def test_without_overlap_the_estimated_wait_includes_decoding(
    recording: RecordingRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimates: list[float] = []
    for overlap in (True, False):
        queue = WindowQueue(recording, 512, "short", ModelMetrics("test"), overlap=overlap)
        # The engine and decoding take one second each.
        seconds = count()
        for module in (jobs, window_queue):
            monkeypatch.setattr(module, "perf_counter", partial(next, seconds))
        await queue.recognize([recording.encode(SENTENCE)])
        monkeypatch.undo()
        estimates.append(queue._throughput.seconds(1))
    assert estimates[1] == pytest.approx(2 * estimates[0])


@pytest.mark.parametrize("overlap", [True, False])
async def test_the_requests_of_a_closed_queue_fail(recording: RecordingRecognizer, overlap: bool) -> None:
    queue = WindowQueue(recording, 2048, "short", ModelMetrics("test"), overlap=overlap)
    waiting = asyncio.create_task(queue.recognize([recording.encode(SENTENCE)]))
    await asyncio.sleep(0)
    queue.close()
    later = [queue.recognize([recording.encode(SENTENCE)]) for _ in range(2)]
    results = await asyncio.gather(waiting, *later, return_exceptions=True)
    assert all(isinstance(result, RuntimeError) for result in results), results


async def test_a_queue_that_is_closed_while_a_batch_runs_delivers_it_and_fails_the_others(
    recording: RecordingRecognizer,
) -> None:
    queue = WindowQueue(recording, 2048, "short", ModelMetrics("test"), overlap=False)
    recording.go.clear()
    running = asyncio.create_task(queue.recognize([recording.encode(SENTENCE)]))
    await asyncio.to_thread(recording.started.wait, 30)
    waiting = asyncio.create_task(queue.recognize([recording.encode(SENTENCE)]))
    await asyncio.sleep(0)
    queue.close()
    recording.go.set()
    assert (await running).recognitions[0].windows == 1
    with pytest.raises(RuntimeError, match="shutdown"):
        await waiting


async def test_the_engine_takes_its_next_batch_without_the_event_loop_and_before_decoding(
    recording: RecordingRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = WindowQueue(recording, 512, "short", ModelMetrics("test"))
    decoding, engine_is_ahead = threading.Event(), threading.Event()
    decode = recording.decode

    def wait_for_the_engine(
        encoded: Sequence[EncodedWindow], emissions: Sequence[BatchEmissions] | None = None
    ) -> list[list[Span]]:
        decoding.set()
        assert engine_is_ahead.wait(30), "the engine waits until the previous batch is decoded"
        return decode(encoded, emissions)

    monkeypatch.setattr(recording, "decode", wait_for_the_engine)
    task = asyncio.create_task(queue.recognize([recording.encode(DOCUMENT)]))
    await asyncio.to_thread(recording.started.wait, 30)
    # Holds the event loop until the engine has started the batch after the one that is being decoded.
    assert decoding.wait(30)
    while len(recording.batches) < 2:
        recording.started.clear()
        assert len(recording.batches) >= 2 or recording.started.wait(30)
    engine_is_ahead.set()
    await task


@pytest.mark.parametrize(("overlap", "most_ahead"), [(True, 1), (False, 0)])
async def test_the_engine_does_not_run_far_ahead_of_decoding(
    recording: RecordingRecognizer, monkeypatch: pytest.MonkeyPatch, overlap: bool, most_ahead: int
) -> None:
    queue = WindowQueue(recording, 512, "short", ModelMetrics("test"), overlap=overlap)
    decode, begun, most = recording.decode, [], []

    def record(encoded: Sequence[EncodedWindow], emissions: Sequence[BatchEmissions] | None = None) -> list[list[Span]]:
        begun.append(encoded)
        most.append(len(recording.batches) - len(begun))
        return decode(encoded, emissions)

    monkeypatch.setattr(recording, "decode", record)
    await queue.recognize([recording.encode(DOCUMENT)])
    assert len(most) > 5
    assert max(most) <= most_ahead


@pytest.mark.parametrize("overlap", [True, False])
async def test_windows_of_a_cancelled_job_that_are_not_in_a_batch_are_dropped(
    recording: RecordingRecognizer, overlap: bool
) -> None:
    queue = WindowQueue(recording, 512, "short", ModelMetrics("test"), overlap=overlap)
    document = recording.encode(DOCUMENT * 3)
    recording.go.clear()
    task = asyncio.create_task(queue.recognize([document]))
    await asyncio.to_thread(recording.started.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    recording.go.set()
    await queue.recognize([recording.encode(SENTENCE)])
    assert sum(map(len, recording.batches)) < len(document.windows)


@pytest.mark.parametrize("overlap", [True, False])
async def test_an_error_reaches_the_requests_of_its_batch_only(recording: RecordingRecognizer, overlap: bool) -> None:
    queue = WindowQueue(recording, 2048, "short", ModelMetrics("test"), overlap=overlap)
    text, broken = recording.encode(SENTENCE), recording.encode(SENTENCE)
    broken.encoded[0] = EncodedWindow(broken.encoded[0].ids[:0], broken.encoded[0].first)
    with pytest.raises(IndexError):
        await queue.recognize([broken])
    assert (await queue.recognize([text])).recognitions[0].windows == 1


def test_the_throughput_is_that_of_recent_batches() -> None:
    throughput = Throughput()
    assert throughput.seconds(1000) == 0
    throughput.observe(1000, 1.0)
    assert throughput.seconds(2000) == pytest.approx(2.0)
    for _ in range(50):
        throughput.observe(1000, 0.1)
    assert throughput.seconds(1000) == pytest.approx(0.1, rel=0.1)
