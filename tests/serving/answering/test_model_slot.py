"""Swaps, refusals and lost memory, with the real model and without a server."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from ner_runtime import Recognizer
from ner_runtime.inference.spans import Span
from ner_runtime.json import from_json
from ner_runtime.recognizer import EncodedWindow
from ner_runtime.serving.answering.cache import Cache
from ner_runtime.serving.answering.handler import Answer, Handler
from ner_runtime.serving.answering.model_slot import ModelSlot
from ner_runtime.serving.answering.scheduler import Reader
from ner_runtime.serving.api.errors import NotReady
from ner_runtime.serving.api.schemas import Limits, NerRequest
from ner_runtime.serving.http.edge import ApiRequest
from tests.support.twins import LEFT, RIGHT, make_twin


class Held(Recognizer):
    """The real recognizer, which waits until it is let go, or fails where it is told to."""

    go: threading.Event
    failure: Exception | None = None

    @classmethod
    def open_held(cls, directory: Path) -> Held:
        held = cls.open(directory)
        assert isinstance(held, Held)
        return held

    def decode(self, encoded: Sequence[EncodedWindow]) -> list[list[Span]]:
        go = self.__dict__.get("go")
        if go is not None:
            go.wait(30)
        if self.failure:
            raise self.failure
        return super().decode(encoded)


def served_of(recognizer: Recognizer, told: list[str]) -> ModelSlot:
    def answers_of(reader: Reader) -> Handler:
        return Handler(reader, Limits(100, 10), Cache(None), timeout_s=30, engine="onnxruntime")

    return ModelSlot(recognizer, 2048, answers_of, lambda: told.append("out of memory"))


def asked(text: str = "记者在杭州。") -> ApiRequest:
    return ApiRequest(NerRequest(text=text), perf_counter())


def version(answer: Answer) -> str:
    assert isinstance(answer, bytes)
    return from_json(answer)["meta"]["version"]


def held(folder: Path, name: str) -> Held:
    make_twin(folder / name, name)
    recognizer = Held.open_held(folder / name)
    recognizer.go = threading.Event()
    return recognizer


def test_who_came_before_the_swap_is_answered_by_the_model_of_then(tmp_path: Path) -> None:
    async def swap() -> tuple[str, str, bool]:
        old, new = held(tmp_path, LEFT), Recognizer.open(tmp_path / LEFT)
        make_twin(tmp_path / RIGHT, RIGHT)
        new = Recognizer.open(tmp_path / RIGHT)
        served = served_of(old, [])
        before = served.ner(asked())
        await asyncio.sleep(0.1)
        swapping = asyncio.create_task(served.swap(new))
        await asyncio.sleep(0)
        after = await served.ner(asked())
        waits = not swapping.done()
        old.go.set()
        await swapping
        return version(await before), version(after), waits

    assert asyncio.run(swap()) == (LEFT, RIGHT, True)


def test_the_old_model_is_gone_after_the_swap(tmp_path: Path) -> None:
    async def swap() -> bool:
        make_twin(tmp_path / LEFT, LEFT)
        make_twin(tmp_path / RIGHT, RIGHT)
        served = served_of(Recognizer.open(tmp_path / LEFT), [])
        await served.ner(asked())
        old = weakref.ref(served.recognizer)
        await served.swap(Recognizer.open(tmp_path / RIGHT))
        return old() is None

    try:
        assert asyncio.run(swap())
    finally:
        gc.unfreeze()


def test_a_refusal_reaches_those_who_wait_and_those_who_come(tmp_path: Path) -> None:
    async def refuse() -> list[Answer]:
        recognizer = held(tmp_path, LEFT)
        served = served_of(recognizer, [])
        waiting = served.ner(asked())
        await asyncio.sleep(0.1)
        served.refuse(NotReady("going"))
        answers = [await waiting, await served.ner(asked())]
        recognizer.go.set()
        return answers

    assert [getattr(answer, "code", None) for answer in asyncio.run(refuse())] == ["not_ready", "not_ready"]


def test_a_batch_that_never_ends_is_noticed(tmp_path: Path) -> None:
    async def wait() -> list[bool]:
        recognizer = held(tmp_path, LEFT)
        served = served_of(recognizer, [])
        idle = served.stuck(0.2)
        waiting = served.ner(asked())
        await asyncio.sleep(0.1)
        soon = served.stuck(0.2)
        await asyncio.sleep(0.3)
        late = served.stuck(0.2)
        recognizer.go.set()
        await waiting
        return [idle, soon, late, served.stuck(0.0)]

    assert asyncio.run(wait()) == [False, False, True, False]


def test_a_request_that_finds_no_memory_is_answered_503_and_the_worker_is_told(tmp_path: Path) -> None:
    async def ask() -> tuple[Answer, list[str]]:
        recognizer = held(tmp_path, LEFT)
        recognizer.go.set()
        # As ONNX Runtime says it.
        recognizer.failure = RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc")
        told: list[str] = []
        return await served_of(recognizer, told).ner(asked()), told

    answer, told = asyncio.run(ask())
    assert isinstance(answer, NotReady)
    assert told == ["out of memory"]
