"""The scheduler with the real model: its two queues, and that results do not depend on other requests."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from ner_runtime import Recognizer
from ner_runtime.serving.answering.scheduler import Scheduler
from ner_runtime.serving.api.errors import Overloaded
from tests.support.models.recording import DOCUMENT, SENTENCE, RecordingRecognizer, entities

pytestmark = pytest.mark.anyio


async def test_results_do_not_depend_on_other_requests(recognizer: Recognizer) -> None:
    texts = [SENTENCE, DOCUMENT, "", "马云", DOCUMENT[:600]]
    scheduler = Scheduler(recognizer)
    *alone, together = await asyncio.gather(
        *(scheduler.recognize([text]) for text in texts), scheduler.recognize(texts)
    )
    expected = [[(e.type, e.start, e.end) for e in found] for found in recognizer.recognize(texts, recognizer.types)]
    assert entities([result.recognitions[0] for result in alone]) == expected
    assert entities(together.recognitions) == expected


async def test_a_short_text_overtakes_a_document(recognizer: Recognizer) -> None:
    scheduler = Scheduler(recognizer)
    document = asyncio.ensure_future(scheduler.recognize([DOCUMENT * 3]))
    await scheduler.recognize([SENTENCE])
    assert not document.done()
    await document


async def test_a_text_of_several_sentences_that_fits_in_one_window_is_short(recognizer: Recognizer) -> None:
    recording = RecordingRecognizer.of(recognizer, by_sentence=True)
    scheduler = Scheduler(recording)
    await asyncio.gather(scheduler.recognize([DOCUMENT * 3]), scheduler.recognize([SENTENCE * 3]))
    assert [len(SENTENCE) + 2] * 3 in recording.batches, "no window of the document is in the batch"


async def test_a_batch_that_does_not_end_is_stuck(recording: RecordingRecognizer) -> None:
    scheduler = Scheduler(recording)
    assert not scheduler.stuck(0)
    recording.go.clear()
    task = asyncio.create_task(scheduler.recognize([SENTENCE]))
    await asyncio.to_thread(recording.started.wait, 30)
    assert scheduler.stuck(0)
    assert not scheduler.stuck(3600)
    recording.go.set()
    await task
    assert not scheduler.stuck(0)


async def test_the_wait_is_estimated_from_the_queue_and_the_throughput(recording: RecordingRecognizer) -> None:
    scheduler = Scheduler(recording)
    await scheduler.recognize([DOCUMENT])
    assert scheduler.estimated_seconds([DOCUMENT]) == 0
    recording.started.clear()
    recording.go.clear()
    task = asyncio.create_task(scheduler.recognize([DOCUMENT]))
    await asyncio.to_thread(recording.started.wait, 30)
    assert scheduler.estimated_seconds([DOCUMENT]) > 0
    assert scheduler.estimated_seconds([SENTENCE]) == 0, "short texts have a queue of their own"
    recording.go.set()
    await task


async def test_texts_that_would_wait_too_long_are_rejected(recording: RecordingRecognizer) -> None:
    scheduler = Scheduler(recording, max_wait_s=0)
    await scheduler.recognize([DOCUMENT])
    recording.started.clear()
    recording.go.clear()
    task = asyncio.create_task(scheduler.recognize([DOCUMENT]))
    await asyncio.to_thread(recording.started.wait, 30)
    with pytest.raises(Overloaded):
        await scheduler.recognize([DOCUMENT])
    recording.go.set()
    await task


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux, a thread has a priority of its own")
async def test_the_event_loop_has_precedence_over_inference(recognizer: Recognizer) -> None:
    before = set(threading.enumerate())
    scheduler = Scheduler(recognizer)
    await scheduler.recognize(["马云在杭州。"])
    threads = set(threading.enumerate()) - before
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert {os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) - own for thread in threads} == {3}
    scheduler.close()
