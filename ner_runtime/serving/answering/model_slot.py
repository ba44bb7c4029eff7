"""Model slot: holds the model that handles requests now, and replaces it with another one.

A request is handled from start to end by the model that was in the slot when it arrived. The old model is released once
its last request is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ner_runtime.errors import RanerError
from ner_runtime.recognizer import Recognizer
from ner_runtime.serving.answering.handler import Handler
from ner_runtime.serving.answering.memory import is_out_of_memory, release_memory
from ner_runtime.serving.answering.scheduler import Scheduler
from ner_runtime.serving.api.errors import NotReady, detached
from ner_runtime.serving.api.messages import ApiRequest, ApiResponse, Body
from ner_runtime.serving.api.requests import NerBatchRequest, NerRequest, RedactRequest
from ner_runtime.serving.telemetry.metrics import ModelMetrics

HandlerFactory = Callable[[Scheduler], Handler]
"""Creates the handler for a scheduler."""

# A request is rejected if its estimated time exceeds this fraction of the timeout, because estimates are uncertain.
_MAX_WAIT = 0.7


class _LoadedModel:
    """A model and the requests that it is handling."""

    def __init__(self, scheduler: Scheduler, handler: Handler) -> None:
        self.scheduler = scheduler
        self.handler = handler
        self.tasks: set[asyncio.Task[object]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self, task: asyncio.Task[object]) -> None:
        """Count a task as one that uses this model."""
        self.tasks.add(task)
        self._idle.clear()

    def end(self, task: asyncio.Task[object]) -> None:
        """Undo `begin`."""
        self.tasks.discard(task)
        if not self.tasks:
            self._idle.set()

    async def idle(self) -> None:
        await self._idle.wait()


class ModelSlot:
    """Handles requests with the current model. It belongs to one event loop."""

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        timeout_s: float,
        make_handler: HandlerFactory,
        on_out_of_memory: Callable[[], None],
        metrics: ModelMetrics | None = None,
        overlap: bool = True,
    ) -> None:
        """Put a model into the slot.

        Args:
            recognizer: the model
            timeout_s: timeout of a request
            make_handler: creates the handler of each model
            on_out_of_memory: called when a request fails because the memory is exhausted
            metrics: records the work of the models in this slot; by default those of the model `default`
            overlap: see `Scheduler`
        """
        self._timeout_s = timeout_s
        self._make_handler = make_handler
        self._on_out_of_memory = on_out_of_memory
        self._metrics = metrics
        self._overlap = overlap
        self._refusal: RanerError | None = None
        self._current = self._load(recognizer)
        self._replaced: list[_LoadedModel] = []

    @property
    def recognizer(self) -> Recognizer:
        """The current model."""
        return self._current.scheduler.recognizer

    async def ner(self, request: ApiRequest[NerRequest]) -> ApiResponse:
        """Handle a `POST /ner`."""
        return await self._handle(Handler.ner, request)

    async def ner_batch(self, request: ApiRequest[NerBatchRequest]) -> ApiResponse:
        """Handle a `POST /ner/batch`."""
        return await self._handle(Handler.ner_batch, request)

    async def redact(self, request: ApiRequest[RedactRequest]) -> ApiResponse:
        """Handle a `POST /redact`."""
        return await self._handle(Handler.redact, request)

    async def swap(self, recognizer: Recognizer) -> None:
        """Replace the model; return when the old one has handled its last request and its memory is released."""
        old, self._current = self._current, self._load(recognizer)
        self._replaced.append(old)
        await old.idle()
        self._replaced.remove(old)
        old.scheduler.close()
        del old
        release_memory()

    def stuck(self, seconds: float) -> bool:
        """Whether a batch has been running for longer than `seconds`."""
        return any(model.scheduler.stuck(seconds) for model in (self._current, *self._replaced))

    def refuse(self, refusal: RanerError) -> None:
        """Respond to every request with an error from now on, including those that are being handled."""
        self._refusal = refusal
        for model in (self._current, *self._replaced):
            for task in model.tasks:
                task.cancel()

    def _load(self, recognizer: Recognizer) -> _LoadedModel:
        scheduler = Scheduler(recognizer, self._timeout_s * _MAX_WAIT, self._metrics, overlap=self._overlap)
        return _LoadedModel(scheduler, self._make_handler(scheduler))

    async def _handle(
        self, handle: Callable[[Handler, ApiRequest[Body]], Awaitable[bytes]], request: ApiRequest[Body]
    ) -> ApiResponse:
        # A task of its own would cost each request two iterations of the event loop.
        if self._refusal:
            return self._refusal
        model, task = self._current, asyncio.current_task()
        assert task is not None  # noqa: S101 - requests are handled in tasks
        model.begin(task)
        try:
            return await handle(model.handler, request)
        except RanerError as error:
            return detached(error)
        except asyncio.CancelledError:
            if self._refusal is None:
                raise
            # `refuse` cancelled the task, which now responds.
            task.uncancel()
            return self._refusal
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._on_out_of_memory()
            return NotReady("the service is out of memory; try again shortly")
        finally:
            model.end(task)
