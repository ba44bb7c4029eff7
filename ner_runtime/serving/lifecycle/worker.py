"""Worker: one serving process. It opens the model, replaces it when it changes, sends heartbeats, and shuts down.

Workers replace their models one worker at a time, so that at most one of them holds two models. If the new model
cannot be served, the worker keeps the old one, and `/model`, the log and the metrics report the reason.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ner_runtime.atomic_files import write_atomically
from ner_runtime.errors import RanerError
from ner_runtime.models.registry.watcher import Watcher
from ner_runtime.recognizer import Recognizer
from ner_runtime.serving.answering.memory import freeze_loaded_objects
from ner_runtime.serving.answering.model_slot import HandlerFactory, ModelSlot
from ner_runtime.serving.api.errors import NotReady
from ner_runtime.serving.api.model_status import ModelStatus
from ner_runtime.serving.lifecycle.heartbeat import HEARTBEAT_S, is_orphan, is_supervised, run_dir, send_heartbeat
from ner_runtime.serving.lifecycle.shutdown import Shutdown
from ner_runtime.serving.lifecycle.startup import describe, open_model, open_or_exit
from ner_runtime.serving.telemetry.metrics import WORKER_STARTS, observe_model, observe_process, observe_update
from ner_runtime.settings import ACTIVE_MODEL, Settings

MODEL_CHECK_S = 1.0
"""How often a worker checks whether the model to serve has changed."""
EXIT_FAILED = 70
"""Exit status of a worker that cannot continue (EX_SOFTWARE)."""

_LAST_MODEL_FILE = "model"
# A fifth of Python's default. With the default, the P99 of short texts beside a long document was 57 to 102 ms instead
# of 29 to 31 ms (`make fairness`).
_SWITCH_INTERVAL_S = 0.001

_log = logging.getLogger("raner.worker")


@dataclass(slots=True)
class Worker:
    """The state of a worker process and its background tasks."""

    settings: Settings
    shutdown: Shutdown
    model_status: ModelStatus
    """The status that `/model` reports; the worker updates it."""
    is_first: bool
    """Whether this is the one worker that checks the hub for newer models and reports a missing supervisor."""
    model_slot: ModelSlot = field(init=False)
    _watcher: Watcher = field(init=False)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def open(self, make_handler: HandlerFactory) -> None:
        """Open the configured model or, if it cannot be served, the one that the other workers serve.

        Raises:
            SystemExit: no model can be served.
        """
        # Threads that split and merge documents must let the event loop serve short texts in between.
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        # Created before the model is opened, so that a change during opening is noticed.
        self._watcher = Watcher(self.settings.model)
        opened = open_or_exit(self.settings, _last_model())
        self.model_slot = ModelSlot(
            opened.recognizer,
            max_batch_tokens=self.settings.max_batch_tokens,
            timeout_s=self.settings.timeout_s,
            make_handler=make_handler,
            on_out_of_memory=self._out_of_memory,
        )
        self._describe(opened.recognizer, opened.directory)
        if opened.failure:
            self._note_failure(opened.failure)
        freeze_loaded_objects()

    def start(self) -> None:
        """Start the background tasks and handle SIGTERM; needs a running event loop."""
        if self.is_first and not is_supervised():
            _log.error(
                "this service is not run by RaNER's supervisor: workers that die or hang may not be replaced; "
                "start it with `bentoml serve` and the BentoML version that pyproject.toml allows"
            )
        self.shutdown.handle_sigterm(lambda: self.model_slot.refuse(NotReady("the service is stopping")))
        WORKER_STARTS.inc()
        self._tasks += [asyncio.create_task(self._send_heartbeats()), asyncio.create_task(self._watch_model())]
        if self.is_first and self.settings.update_interval_s:
            self._tasks.append(asyncio.create_task(self._check_hub()))

    def stop(self) -> None:
        """Cancel the background tasks."""
        for task in self._tasks:
            task.cancel()

    @property
    def ready(self) -> bool:
        """Whether this worker accepts new requests."""
        return not self.shutdown.begun

    async def _send_heartbeats(self) -> None:
        while True:
            if self.settings.hang_timeout_s and self.model_slot.stuck(self.settings.hang_timeout_s):
                await self._abort(f"a batch has been running for more than {self.settings.hang_timeout_s:g} s")
            if is_orphan():
                await self._abort("its supervisor has ended")
            send_heartbeat()
            observe_process()
            await asyncio.sleep(HEARTBEAT_S)

    async def _watch_model(self) -> None:
        while True:
            await asyncio.sleep(MODEL_CHECK_S)
            try:
                directory = await asyncio.to_thread(self._watcher.changed)
                if directory is not None:
                    await self._update(directory)
            except RanerError as error:
                self._note_failure(error.message)
            except Exception as error:  # noqa: BLE001 - the current model keeps serving
                _log.exception("updating the model failed unexpectedly")
                self._note_failure(_unexpected(error))

    async def _check_hub(self) -> None:
        # Imported here because only the first worker needs it.
        from ner_runtime.models.acquire.pull_process import pull_newer

        while True:
            await asyncio.sleep(self.settings.update_interval_s)
            manifest = self.model_slot.recognizer.manifest
            try:
                if await asyncio.to_thread(pull_newer, manifest, use=self.settings.model == ACTIVE_MODEL):
                    _log.info("pulled a newer version of %s", manifest.source.id)
            except RanerError as error:
                self._note_failure(error.message)
            except Exception as error:  # noqa: BLE001 - the next check may succeed
                _log.exception("checking the hub failed unexpectedly")
                self._note_failure(_unexpected(error))

    async def _update(self, directory: Path) -> None:
        recognizer = await asyncio.to_thread(_open_exclusively, directory, self.settings)
        old, new = self.model_slot.recognizer.manifest, recognizer.manifest
        if old == new:
            if self.model_status.has_update:
                # The configured model is again the one that is served: clear the failure.
                self._note_update("done")
            return
        swapped = asyncio.create_task(self.model_slot.swap(recognizer))
        self._describe(recognizer, directory)
        self._note_update("done")
        _log.info("model %s %s replaces %s %s", new.name, new.version, old.name, old.version)
        # A reference in this frame would keep the model in memory when the next one replaces it.
        del recognizer
        await swapped

    def _note_failure(self, reason: str) -> None:
        self._note_update("failed", reason)
        _log.error("cannot update the model to %s: %s", self._watcher.reference, reason)

    def _note_update(self, state: Literal["done", "failed"], reason: str | None = None) -> None:
        observe_update(state)
        self.model_status.set_update(state, self._watcher.reference, reason)

    def _describe(self, recognizer: Recognizer, directory: Path) -> None:
        observe_model(recognizer.manifest)
        self.model_status.set_model(describe(recognizer.manifest, self.settings))
        if (shared := run_dir()) is not None:
            write_atomically(shared / _LAST_MODEL_FILE, f"{directory}\n".encode())

    def _out_of_memory(self) -> None:
        if not self.shutdown.begun:
            self._tasks.append(asyncio.create_task(self._abort("it is out of memory")))

    async def _abort(self, reason: str) -> None:
        """Respond to all requests with 503 and exit, so that the supervisor starts another worker."""
        _log.error("this worker exits: %s", reason)
        self.model_slot.refuse(NotReady("the service is recovering; try again shortly"))
        await self.shutdown.exit_now(EXIT_FAILED)


def _unexpected(error: Exception) -> str:
    # The message may quote a text, and `/model` shows the reason to every client.
    return f"unexpected {type(error).__name__}; see the log"


def _open_exclusively(directory: Path, settings: Settings) -> Recognizer:
    with _opening_lock():
        return open_model(directory, settings)


@contextmanager
def _opening_lock() -> Generator[None]:
    """Hold the lock that lets one worker at a time open a model; opening takes memory and CPU from requests."""
    shared = run_dir()
    if shared is None:
        yield
        return
    with (shared / "opening").open("w") as lock:
        # The kernel releases the lock when this process ends, even if it is killed.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _last_model() -> Path | None:
    """Return the directory of the model that a worker of this service opened last; None at the first start."""
    shared = run_dir()
    try:
        return Path((shared / _LAST_MODEL_FILE).read_text().strip()) if shared else None
    except FileNotFoundError:
        return None
