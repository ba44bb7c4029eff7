"""Worker: the life of one process that answers. It opens the model, follows it when it changes, beats, and leaves.

Each worker updates by itself, one after the other, so that no more than one at a time holds two models. A model that
cannot be served leaves the one before it in place, and `/model`, the log and the metrics say why.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ner_runtime.atomic_files import write_atomically
from ner_runtime.errors import RanerError
from ner_runtime.models.registry.watcher import Watcher
from ner_runtime.recognizer import Recognizer
from ner_runtime.serving.answering.model_slot import AnswersOf, ModelSlot
from ner_runtime.serving.api.errors import NotReady
from ner_runtime.serving.lifecycle.heartbeat import BEAT_S, beat, is_orphan, run_dir
from ner_runtime.serving.lifecycle.memory import settle
from ner_runtime.serving.lifecycle.shutdown import Shutdown
from ner_runtime.serving.lifecycle.startup import describe, open_model, open_or_exit
from ner_runtime.serving.telemetry.metrics import WORKER_STARTS, observe_model, observe_update
from ner_runtime.settings import ACTIVE_MODEL, Settings

POLL_S = 1.0
FAILED = 70
"""Exit code of a worker that cannot go on (EX_SOFTWARE)."""

_GOOD = "model"
# A fifth of what Python does by default, with which the P99 of short texts beside a document was 57 to 102 ms and not
# 29 to 31 (`make fairness`).
_SWITCH_S = 0.001

_log = logging.getLogger("raner.worker")


@dataclass(slots=True)
class Worker:
    """What a worker process is while it lives. Its parts begin with `start`."""

    settings: Settings
    departure: Shutdown
    description: dict[str, object]
    """Body of `/model`; kept up to date."""
    asks_hub: bool
    """Whether it is this worker that asks the hub for newer models; one of them is enough."""
    served: ModelSlot = field(init=False)
    _watcher: Watcher = field(init=False)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def open(self, answers_of: AnswersOf) -> None:
        """Open the model to serve, or the one that the other workers serve where it cannot be.

        Raises:
            SystemExit: there is none that can be served.
        """
        # Documents are cut and merged in threads of their own; short texts pass through the interpreter between them.
        sys.setswitchinterval(_SWITCH_S)
        # Before the model: a change while it is being opened is a change.
        self._watcher = Watcher(self.settings.model)
        opened = open_or_exit(self.settings, _last_good())
        self.served = ModelSlot(opened.recognizer, self.settings.max_batch_tokens, answers_of, self._out_of_memory)
        self._describe(opened.recognizer, opened.directory)
        if opened.failure:
            self._failed(opened.failure)
        settle()

    def start(self) -> None:
        """Begin to beat, to watch, and to mind the signal to leave. Needs the event loop."""
        self.departure.on_signal(lambda: self.served.refuse(NotReady("the service is stopping")))
        WORKER_STARTS.inc()
        self._tasks += [asyncio.create_task(self._beat()), asyncio.create_task(self._follow())]
        if self.asks_hub and self.settings.update_interval_s:
            self._tasks.append(asyncio.create_task(self._ask_hub()))

    def stop(self) -> None:
        """End what `start` began."""
        for task in self._tasks:
            task.cancel()

    @property
    def ready(self) -> bool:
        """Whether new requests should come here."""
        return not self.departure.begun

    async def _beat(self) -> None:
        while True:
            if self.settings.hang_timeout_s and self.served.stuck(self.settings.hang_timeout_s):
                await self._give_up(f"a batch has been under way for {self.settings.hang_timeout_s:g} s")
            if is_orphan():
                await self._give_up("its supervisor is gone")
            beat()
            await asyncio.sleep(BEAT_S)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                directory = await asyncio.to_thread(self._watcher.changed)
                if directory is not None:
                    await self._update(directory)
            except RanerError as error:
                self._failed(error.message)
            except Exception as error:  # noqa: BLE001 - the model that is served is as good as before
                _log.exception("an update failed unexpectedly")
                self._failed(_unexpected(error))

    async def _ask_hub(self) -> None:
        # Others have no use for it.
        from ner_runtime.models.acquire.pull_process import pull_newer

        while True:
            await asyncio.sleep(self.settings.update_interval_s)
            manifest = self.served.recognizer.manifest
            try:
                if await asyncio.to_thread(pull_newer, manifest, use=self.settings.model == ACTIVE_MODEL):
                    _log.info("a newer %s was pulled", manifest.source.id)
            except RanerError as error:
                self._failed(error.message)
            except Exception as error:  # noqa: BLE001 - the hub is asked again
                _log.exception("the hub was not asked")
                self._failed(_unexpected(error))

    async def _update(self, directory: Path) -> None:
        recognizer = await asyncio.to_thread(_open_in_turn, directory, self.settings)
        old, new = self.served.recognizer.manifest, recognizer.manifest
        if old == new:
            if "update" in self.description:
                # Back from one that could not be served: nothing is wrong any more.
                self._note("done")
            return
        swapped = asyncio.create_task(self.served.swap(recognizer))
        self._describe(recognizer, directory)
        self._note("done")
        _log.info("model %s %s takes over from %s %s", new.name, new.version, old.name, old.version)
        # The model must not be held by this frame when another one takes over from it.
        del recognizer
        await swapped

    def _failed(self, reason: str) -> None:
        self._note("failed", reason)
        _log.error("the model was not updated to %s: %s", self._watcher.reference, reason)

    def _note(self, state: str, reason: str | None = None) -> None:
        observe_update(state)
        self.description["update"] = {
            "state": state,
            "tag": self._watcher.reference,
            "reason": reason,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def _describe(self, recognizer: Recognizer, directory: Path) -> None:
        observe_model(recognizer.manifest)
        self.description.update(describe(recognizer.manifest, self.settings))
        if (shared := run_dir()) is not None:
            write_atomically(shared / _GOOD, f"{directory}\n".encode())

    def _out_of_memory(self) -> None:
        if not self.departure.begun:
            self._tasks.append(asyncio.create_task(self._give_up("it has run out of memory")))

    async def _give_up(self, why: str) -> None:
        """Leave, so that the supervisor puts another worker in this one's place; who waits here is answered 503."""
        _log.error("this worker gives up: %s", why)
        self.served.refuse(NotReady("the service is recovering; try again shortly"))
        await self.departure.now(FAILED)


def _unexpected(error: Exception) -> str:
    # Its message may quote what it choked on, and `/model` shows the reason to everybody.
    return f"unexpected {type(error).__name__}; the log says where"


def _open_in_turn(directory: Path, settings: Settings) -> Recognizer:
    with _turn():
        return open_model(directory, settings)


@contextmanager
def _turn() -> Generator[None]:
    """One worker after the other: to hold two models at once takes memory, to load them takes cores from requests."""
    shared = run_dir()
    if shared is None:
        yield
        return
    with (shared / "turn").open("w") as lock:
        # Released by the kernel, whatever becomes of this process.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _last_good() -> Path | None:
    """The directory of the model that a worker of this service has served last."""
    shared = run_dir()
    try:
        return Path((shared / _GOOD).read_text().strip()) if shared else None
    except FileNotFoundError:
        return None
