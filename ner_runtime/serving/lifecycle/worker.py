"""Worker: one serving process. It opens the models, keeps them up to date, sends heartbeats, and shuts down."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from ner_runtime.recognizer import Recognizer
from ner_runtime.serving.answering.memory import release_memory
from ner_runtime.serving.answering.model_slot import HandlerFactory, ModelSlot
from ner_runtime.serving.api.errors import NotReady
from ner_runtime.serving.api.model_status import ModelStatus
from ner_runtime.serving.lifecycle.heartbeat import HEARTBEAT_S, is_orphan, is_supervised, send_heartbeat
from ner_runtime.serving.lifecycle.lexicon_folder import LexiconFolder
from ner_runtime.serving.lifecycle.served_model import ServedModel
from ner_runtime.serving.lifecycle.shutdown import Shutdown
from ner_runtime.serving.telemetry.metrics import WORKER_STARTS, ModelMetrics, observe_process, reserve_disk_space
from ner_runtime.settings import Settings

EXIT_FAILED = 70
"""Exit status of a worker that cannot continue (EX_SOFTWARE)."""

# A hundredth of Python's default. A thread that runs Python code keeps the GIL for this long while another thread waits
# for it. NumPy releases it about thirty times while a short text is decoded.
_SWITCH_INTERVAL_S = 0.00005

_log = logging.getLogger("raner.worker")


@dataclass(slots=True)
class Worker:
    """The state of a worker process and its background tasks."""

    settings: Settings
    shutdown: Shutdown
    model_statuses: Mapping[str, ModelStatus]
    """The status of each model, by name; the worker updates it."""
    is_first: bool
    """Whether this is the one worker that checks the hub for newer models and reports a missing supervisor."""
    lexicon_folder: LexiconFolder | None = None
    """The named lexicons; None if there are none."""
    _models: dict[str, ServedModel] = field(default_factory=dict[str, ServedModel])
    _slots: dict[str | None, ModelSlot] = field(default_factory=dict[str | None, ModelSlot])
    _tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    def open(self, make_handler: HandlerFactory) -> None:
        """Load the lexicons and open the configured models; see `LexiconFolder` and `ServedModel`.

        Raises:
            SystemExit: a model cannot be served.
        """
        # The event loop and the threads of the engine, of decoding and of documents take turns.
        sys.setswitchinterval(_SWITCH_INTERVAL_S)

        def make_slot(recognizer: Recognizer, metrics: ModelMetrics) -> ModelSlot:
            return ModelSlot(
                recognizer,
                timeout_s=self.settings.timeout_s,
                make_handler=make_handler,
                on_out_of_memory=self._out_of_memory,
                metrics=metrics,
                overlap=self.settings.overlap,
            )

        if self.lexicon_folder is not None:
            self.lexicon_folder.load()
        opening = asyncio.Lock()
        for name, status in self.model_statuses.items():
            model = self._models[name] = ServedModel(name, self.settings, status, make_slot, opening)
            self._slots[name] = model.slot
            # The default model comes first.
            self._slots.setdefault(None, model.slot)
        # Loading leaves unused memory allocated, about as much as the file of the model.
        release_memory()

    def start(self) -> None:
        """Start the background tasks and handle SIGTERM; needs a running event loop."""
        if self.is_first and not is_supervised():
            _log.error(
                "this service is not run by RaNER's supervisor: workers that die or hang may not be replaced; "
                "start it with `bentoml serve` and the BentoML version that pyproject.toml allows"
            )
        self.shutdown.handle_sigterm(lambda: self._refuse(NotReady("the service is stopping")))
        WORKER_STARTS.inc()
        try:
            reserve_disk_space()
        except OSError as error:
            _log.warning("no space can be reserved for the metrics: %s", error.strerror)
        watching = (asyncio.create_task(model.watch()) for model in self._models.values())
        self._tasks += [asyncio.create_task(self._send_heartbeats()), *watching]
        if self.lexicon_folder is not None:
            self._tasks.append(asyncio.create_task(self.lexicon_folder.watch()))
        if self.is_first and self.settings.update_interval_s:
            self._tasks.append(asyncio.create_task(self._check_hub()))

    def stop(self) -> None:
        """Cancel the background tasks."""
        for task in self._tasks:
            task.cancel()

    def model_slot(self, name: str | None) -> ModelSlot:
        """Return the slot of the model with this name; None means the default model."""
        return self._slots[name]

    @property
    def ready(self) -> bool:
        """Whether this worker accepts new requests and has the default lexicons."""
        return not self.shutdown.begun and (self.lexicon_folder is None or self.lexicon_folder.ready)

    async def _send_heartbeats(self) -> None:
        limit_s = self.settings.hang_timeout_s
        while True:
            if limit_s and any(model.slot.stuck(limit_s) for model in self._models.values()):
                await self._abort(f"a batch has been running for more than {limit_s:g} s")
            if is_orphan():
                await self._abort("its supervisor has ended")
            try:
                send_heartbeat()
            except OSError as error:
                # Such as too many open files: the next one may succeed.
                _log.warning("the heartbeat cannot be sent: %s", error.strerror)
            observe_process()
            await asyncio.sleep(HEARTBEAT_S)

    async def _check_hub(self) -> None:
        while True:
            await asyncio.sleep(self.settings.update_interval_s)
            for model in self._models.values():
                await model.check_hub()

    def _out_of_memory(self) -> None:
        if not self.shutdown.begun:
            self._tasks.append(asyncio.create_task(self._abort("it is out of memory")))

    async def _abort(self, reason: str) -> None:
        """Respond to all requests with 503 and exit, so that the supervisor starts another worker."""
        _log.error("this worker exits: %s", reason)
        self._refuse(NotReady("the service is recovering; try again shortly"))
        await self.shutdown.exit_now(EXIT_FAILED)

    def _refuse(self, refusal: NotReady) -> None:
        """Respond to all requests with an error from now on."""
        for model in self._models.values():
            model.slot.refuse(refusal)
