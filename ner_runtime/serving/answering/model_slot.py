"""ModelSlot: the model that answers now, and how another one takes its place.

A request is answered by the model that was served when it came, from its first step to its last. The old model goes
when nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ner_runtime.errors import RanerError
from ner_runtime.recognizer import Recognizer
from ner_runtime.serving.answering.handler import Answer, Handler
from ner_runtime.serving.answering.scheduler import Reader
from ner_runtime.serving.api.errors import NotReady
from ner_runtime.serving.http.edge import ApiRequest
from ner_runtime.serving.lifecycle.memory import is_out_of_memory, release_memory

AnswersOf = Callable[[Reader], Handler]
"""Makes the answers of a reader; what they share (a cache) is its business."""


class _Incumbent:
    """A model, and the requests that it is still answering."""

    def __init__(self, reader: Reader, answers: Handler) -> None:
        self.reader = reader
        self.answers = answers
        self.tasks: set[asyncio.Task[Answer]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self, answer: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
        task = asyncio.create_task(answer)
        self.tasks.add(task)
        self._idle.clear()
        task.add_done_callback(self._end)
        return task

    async def idle(self) -> None:
        await self._idle.wait()

    def _end(self, task: asyncio.Task[Answer]) -> None:
        self.tasks.discard(task)
        if not self.tasks:
            self._idle.set()


class ModelSlot:
    """Handler requests with the model that is served. It belongs to one event loop."""

    def __init__(
        self, recognizer: Recognizer, max_batch_tokens: int, answers_of: AnswersOf, out_of_memory: Callable[[], None]
    ) -> None:
        """`out_of_memory` is told when a request found no memory."""
        self._max_batch_tokens = max_batch_tokens
        self._answers_of = answers_of
        self._out_of_memory = out_of_memory
        self._refusal: RanerError | None = None
        self._now = self._serve(recognizer)
        self._leaving: list[_Incumbent] = []

    @property
    def recognizer(self) -> Recognizer:
        """The model that answers now."""
        return self._now.reader.recognizer

    def ner(self, request: ApiRequest) -> asyncio.Task[Answer]:
        """Answer a `POST /ner`."""
        now = self._now
        return now.begin(self._answer(now.answers.ner, request))

    def ner_batch(self, request: ApiRequest) -> asyncio.Task[Answer]:
        """Answer a `POST /ner/batch`."""
        now = self._now
        return now.begin(self._answer(now.answers.ner_batch, request))

    async def swap(self, recognizer: Recognizer) -> None:
        """Have another model answer from now on; return when the old one is gone and its memory given back."""
        old, self._now = self._now, self._serve(recognizer)
        self._leaving.append(old)
        await old.idle()
        self._leaving.remove(old)
        old.reader.close()
        del old
        release_memory()

    def stuck(self, seconds: float) -> bool:
        """Whether a batch has been under way for longer than that."""
        return any(model.reader.stuck(seconds) for model in (self._now, *self._leaving))

    def refuse(self, refusal: RanerError) -> None:
        """Answer all requests with an error from now on, those first that are waiting."""
        self._refusal = refusal
        for model in (self._now, *self._leaving):
            for task in model.tasks:
                task.cancel()

    def _serve(self, recognizer: Recognizer) -> _Incumbent:
        reader = Reader(recognizer, self._max_batch_tokens)
        return _Incumbent(reader, self._answers_of(reader))

    async def _answer(self, answer: Callable[[ApiRequest], Coroutine[Any, Any, Answer]], request: ApiRequest) -> Answer:
        if self._refusal:
            return self._refusal
        try:
            return await answer(request)
        except asyncio.CancelledError:
            if self._refusal:
                return self._refusal
            raise
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._out_of_memory()
            return NotReady("the service has run out of memory; try again shortly")
