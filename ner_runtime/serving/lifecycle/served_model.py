"""Served model: one of the models of a worker. It is opened at startup and replaced when the model to serve changes.

Workers replace their models one worker at a time, so that at most one of them holds two versions of a model. If the new
version cannot be served, the worker keeps the old one, and `/model`, the log and the metrics report the reason.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ner_runtime.atomic_files import write_atomically
from ner_runtime.errors import RanerError
from ner_runtime.models.registry.watcher import Watcher
from ner_runtime.recognizer import Recognizer
from ner_runtime.serving.answering.model_slot import ModelSlot
from ner_runtime.serving.api.model_status import ModelStatus
from ner_runtime.serving.lifecycle.heartbeat import run_dir
from ner_runtime.serving.lifecycle.startup import describe, open_model, open_or_exit
from ner_runtime.serving.telemetry.metrics import ModelMetrics
from ner_runtime.settings import ACTIVE_MODEL, Settings

MODEL_CHECK_S = 1.0
"""How often a worker checks whether the model to serve has changed."""

SlotFactory = Callable[[Recognizer, ModelMetrics], ModelSlot]
"""Puts a model into a new slot."""

_log = logging.getLogger("raner.worker")


class ServedModel:
    """A model that a worker serves under a name. It belongs to one event loop."""

    def __init__(
        self, name: str, settings: Settings, status: ModelStatus, make_slot: SlotFactory, opening: asyncio.Lock
    ) -> None:
        """Open the configured model or, if it cannot be served, the one that the other workers serve.

        Args:
            name: its name in the settings
            settings: the settings of the service
            status: the status that `/model` reports
            make_slot: creates the slot of the model
            opening: shared by all models of the worker, so that one at a time is opened and no more than one thread
                waits for the other workers

        Raises:
            SystemExit: no model can be served; the message is one line.
        """
        self._name = name
        self._settings = settings
        self._status = status
        self._opening = opening
        self._metrics = ModelMetrics(name)
        self._reference = settings.served_models[name]
        # Created before the model is opened, so that a change during opening is noticed.
        self._watcher = Watcher(self._reference)
        opened = open_or_exit(name, settings, self._last_model())
        self.slot = make_slot(opened.recognizer, self._metrics)
        self._describe(opened.recognizer, opened.directory)
        if opened.failure:
            self._note_failure(opened.failure)

    async def watch(self) -> None:
        """Replace the model whenever the model to serve has changed; runs until it is cancelled."""
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

    async def check_hub(self) -> None:
        """Pull a newer revision of the model from the hub, if there is one."""
        # Imported here because only one worker needs it.
        from ner_runtime.models.acquire.pull_process import pull_newer

        manifest = self.slot.recognizer.manifest
        try:
            if await asyncio.to_thread(pull_newer, manifest, use=self._reference == ACTIVE_MODEL):
                _log.info("pulled a newer version of %s", manifest.source.id)
        except RanerError as error:
            self._note_failure(error.message)
        except Exception as error:  # noqa: BLE001 - the next check may succeed
            _log.exception("checking the hub failed unexpectedly")
            self._note_failure(_unexpected(error))

    async def _update(self, directory: Path) -> None:
        async with self._opening:
            recognizer = await asyncio.to_thread(_open_exclusively, directory, self._settings)
        old, new = self.slot.recognizer.manifest, recognizer.manifest
        if old == new:
            if self._status.has_update:
                # The configured model is again the one that is served: clear the failure.
                self._note_update("done")
            return
        swapped = asyncio.create_task(self.slot.swap(recognizer))
        self._describe(recognizer, directory)
        self._note_update("done")
        _log.info(
            "model %s %s replaces %s %s", new.name, new.version, old.name, old.version, extra={"model": self._name}
        )
        # A reference in this frame would keep the model in memory when the next one replaces it.
        del recognizer
        await swapped

    def _note_failure(self, reason: str) -> None:
        self._note_update("failed", reason)
        reference = self._watcher.reference
        _log.error("cannot update the model to %s: %s", reference, reason, extra={"model": self._name})

    def _note_update(self, state: Literal["done", "failed"], reason: str | None = None) -> None:
        self._metrics.observe_update(state)
        self._status.set_update(state, self._watcher.reference, reason)

    def _describe(self, recognizer: Recognizer, directory: Path) -> None:
        self._metrics.observe_manifest(recognizer.manifest)
        self._status.set_model(describe(recognizer.manifest, self._settings, recognizer))
        if (file := self._last_model_file()) is not None:
            try:
                write_atomically(file, f"{directory}\n".encode())
            except OSError as error:
                # Such as a full disk.
                _log.warning("workers that start later cannot be told which model is served: %s", error.strerror)

    def _last_model(self) -> Path | None:
        """Return the directory that a worker of this service opened last for this model; None at the first start."""
        file = self._last_model_file()
        try:
            return Path(file.read_text().strip()) if file else None
        except FileNotFoundError:
            return None

    def _last_model_file(self) -> Path | None:
        shared = run_dir()
        return shared / f"{self._name}.model" if shared else None


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
