"""Replacing the model, refusing requests and running out of memory, with the real model and without a server."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import pytest

from ner_runtime import Recognizer
from ner_runtime.inference.batches import BatchEmissions
from ner_runtime.inference.windows.encoded import EncodedWindow
from ner_runtime.json import from_json
from ner_runtime.serving.answering.cache import Cache
from ner_runtime.serving.answering.handler import Handler
from ner_runtime.serving.answering.model_slot import ModelSlot
from ner_runtime.serving.answering.scheduler import Scheduler
from ner_runtime.serving.api.errors import NotReady
from ner_runtime.serving.api.messages import ApiRequest, ApiResponse
from ner_runtime.serving.api.requests import NerRequest, RequestLimits
from tests.support.models.twins import LEFT, RIGHT, make_twin

pytestmark = pytest.mark.anyio


class BlockingRecognizer(Recognizer):
    """The real recognizer; waits for `go` in each batch, then raises `failure` if there is one."""

    started: threading.Event
    go: threading.Event
    failure: Exception | None = None

    def run_engine(self, encoded: Sequence[EncodedWindow]) -> list[BatchEmissions]:
        # The warm-up of `open` runs before the events are there.
        if "go" in self.__dict__:
            self.started.set()
            assert self.go.wait(30)
        if self.failure:
            raise self.failure
        return super().run_engine(encoded)


def open_blocking(directory: Path) -> BlockingRecognizer:
    recognizer = BlockingRecognizer.open(directory)
    assert isinstance(recognizer, BlockingRecognizer)
    recognizer.started, recognizer.go = threading.Event(), threading.Event()
    return recognizer


@pytest.fixture
def left(tmp_path: Path) -> Path:
    make_twin(tmp_path / LEFT, LEFT)
    return tmp_path / LEFT


@pytest.fixture
def right(tmp_path: Path) -> Path:
    make_twin(tmp_path / RIGHT, RIGHT)
    return tmp_path / RIGHT


def slot_of(recognizer: Recognizer, on_out_of_memory: Callable[[], None] = lambda: None) -> ModelSlot:
    def make_handler(scheduler: Scheduler) -> Handler:
        return Handler(scheduler, RequestLimits(100, 10), Cache(None), engine="onnxruntime")

    return ModelSlot(
        recognizer,
        timeout_s=30,
        make_handler=make_handler,
        on_out_of_memory=on_out_of_memory,
    )


def request(text: str = "记者在杭州。") -> ApiRequest[NerRequest]:
    return ApiRequest(NerRequest(text=text), perf_counter())


def version(response: ApiResponse) -> str:
    assert isinstance(response, bytes)
    return from_json(response)["meta"]["version"]


async def test_a_slot_passes_on_whether_decoding_overlaps(left: Path) -> None:
    recognizer = Recognizer.open(left)
    for overlap in (True, False):
        before = set(threading.enumerate())
        slot = ModelSlot(
            recognizer,
            timeout_s=30,
            make_handler=lambda scheduler: Handler(scheduler, RequestLimits(100, 10), Cache(None), engine="x"),
            on_out_of_memory=lambda: None,
            overlap=overlap,
        )
        own = {thread.name for thread in set(threading.enumerate()) - before}
        assert ("decoding-short_0" in own) is overlap
        await slot.swap(recognizer)


async def test_a_request_is_handled_by_the_model_that_was_in_the_slot_when_it_arrived(left: Path, right: Path) -> None:
    old, new = open_blocking(left), Recognizer.open(right)
    slot = slot_of(old)
    before = asyncio.create_task(slot.ner(request()))
    await asyncio.to_thread(old.started.wait, 30)
    swap = asyncio.create_task(slot.swap(new))
    # The swap takes place in the first step of its task.
    await asyncio.sleep(0)
    assert version(await slot.ner(request())) == RIGHT
    assert not swap.done()
    old.go.set()
    await swap
    assert version(await before) == LEFT


async def test_the_old_model_is_released_by_a_swap(left: Path, right: Path) -> None:
    slot = slot_of(Recognizer.open(left))
    await slot.ner(request())
    old = weakref.ref(slot.recognizer)
    try:
        await slot.swap(Recognizer.open(right))
        assert old() is None
    finally:
        gc.unfreeze()


async def test_a_refusal_reaches_requests_that_wait_and_requests_that_arrive(left: Path) -> None:
    recognizer = open_blocking(left)
    slot = slot_of(recognizer)
    waiting = asyncio.create_task(slot.ner(request()))
    await asyncio.to_thread(recognizer.started.wait, 30)
    slot.refuse(NotReady("stopping"))
    responses = [await waiting, await slot.ner(request())]
    recognizer.go.set()
    assert [getattr(response, "code", None) for response in responses] == ["not_ready", "not_ready"]


async def test_a_batch_of_a_replaced_model_can_be_stuck_too(left: Path, right: Path) -> None:
    old = open_blocking(left)
    slot = slot_of(old)
    waiting = asyncio.create_task(slot.ner(request()))
    await asyncio.to_thread(old.started.wait, 30)
    swap = asyncio.create_task(slot.swap(Recognizer.open(right)))
    await asyncio.sleep(0)
    assert slot.stuck(0)
    assert not slot.stuck(3600)
    old.go.set()
    await asyncio.gather(waiting, swap)
    assert not slot.stuck(0)


async def test_a_request_that_fails_for_lack_of_memory_is_not_ready_and_is_reported(left: Path) -> None:
    recognizer = open_blocking(left)
    recognizer.go.set()
    # The message of ONNX Runtime.
    recognizer.failure = RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc")
    reported: list[str] = []
    response = await slot_of(recognizer, lambda: reported.append("out of memory")).ner(request())
    assert isinstance(response, NotReady)
    assert reported == ["out of memory"]
