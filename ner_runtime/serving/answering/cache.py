"""Cache: what was found in a text that has been read before, and one reading for all who ask for it at once.

A key is a hash of the model, of how it reads, and of the text. A value is what was found, as types, offsets and
scores: neither holds a word of the text. Options of a request are no part of the key, for they choose from what was
found and change nothing of it. Errors are not kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter

from ner_runtime.entities import Entity
from ner_runtime.inference.windows import WINDOWING_VERSION
from ner_runtime.manifest import Manifest
from ner_runtime.recognizer import Recognition
from ner_runtime.serving.answering.scheduler import Read
from ner_runtime.serving.answering.stores import Key, Store
from ner_runtime.serving.telemetry.metrics import CACHE_LOOKUPS

ReadTexts = Callable[[Sequence[str]], Awaitable[Read]]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a text, when that was begun (`perf_counter` seconds), and whether the cache had it."""

    recognition: Recognition
    began: float
    cached: bool


class _Flight:
    """Texts that are being looked up and read, and how many requests wait for them."""

    def __init__(self, task: asyncio.Task[dict[Key, Found]]) -> None:
        self._task = task
        self._waiting = 0
        self.abandoned = False

    def board(self) -> Awaitable[dict[Key, Found]]:
        """What will be found. When the last one that waits is cancelled, so is the flight."""
        self._waiting += 1
        return self._landed()

    async def _landed(self) -> dict[Key, Found]:
        try:
            return await asyncio.shield(self._task)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.abandoned = True
                self._task.cancel()


class Cache:
    """Finds what was found before, and reads the rest. It belongs to one event loop, and outlives a model."""

    def __init__(self, store: Store | None) -> None:
        """`store`: where results are kept; without one, those who ask at once still share one reading."""
        self._store = store
        self._flights: dict[Key, _Flight] = {}

    async def find(self, texts: Sequence[str], model: bytes, read: ReadTexts) -> list[Found]:
        """What there is in each text.

        Args:
            texts: of one request
            model: `model_identity` of the model that `read` reads with
            read: reads those texts that must be read

        Raises:
            whatever `read` raises
        """
        keys = [text_key(model, text) for text in texts]
        shared = {key: flight for key in keys if (flight := self._flights.get(key)) and not flight.abandoned}
        CACHE_LOOKUPS.labels("shared").inc(len(shared))
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in shared}
        flights = [self._start(new, read)] if new else []
        flights += dict.fromkeys(shared.values())
        found: dict[Key, Found] = {}
        for landed in await _all([flight.board() for flight in flights]):
            found |= landed
        return [found[key] for key in keys]

    async def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            await self._store.close()

    def _start(self, texts: dict[Key, str], read: ReadTexts) -> _Flight:
        task = asyncio.create_task(self._look_up_and_read(texts, read))
        flight = _Flight(task)
        self._flights |= dict.fromkeys(texts, flight)

        def end(task: asyncio.Task[dict[Key, Found]]) -> None:
            for key in texts:
                if self._flights.get(key) is flight:
                    del self._flights[key]
            if not task.cancelled():
                # Those who waited have it; asyncio would complain where they had all just left.
                task.exception()

        task.add_done_callback(end)
        return flight

    async def _look_up_and_read(self, texts: dict[Key, str], read: ReadTexts) -> dict[Key, Found]:
        began = perf_counter()
        kept = await self._store.get(list(texts)) if self._store is not None else {}
        found: dict[Key, Found] = {}
        for key, value in kept.items():
            # Redis is open to others too; what is not ours counts as not there.
            with suppress(ValueError, TypeError):
                found[key] = Found(_unpacked(value, texts[key]), began, cached=True)
        missed = [key for key in texts if key not in found]
        if self._store is not None:
            CACHE_LOOKUPS.labels("hit").inc(len(found))
            CACHE_LOOKUPS.labels("miss").inc(len(missed))
        if missed:
            reading = await read([texts[key] for key in missed])
            for key, recognition in zip(missed, reading.recognitions, strict=True):
                found[key] = Found(recognition, reading.began, cached=False)
                if self._store is not None:
                    self._store.put(key, _packed(recognition))
        return found


def model_identity(manifest: Manifest, engine: str) -> bytes:
    """What a result depends on beside the text: the files of the model, how it reads, and what runs it."""
    reading = f"{WINDOWING_VERSION} {manifest.window} {manifest.by_sentence}"
    files = (f"{name} {digest}" for name, digest in sorted(manifest.files.items()))
    parts = [engine, reading, manifest.version, manifest.precision, *files]
    return hashlib.sha256("\n".join(parts).encode()).digest()


def text_key(model: bytes, text: str) -> Key:
    """The key of a text, read with a model."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=model, digest_size=24).hexdigest()


async def _all(flights: Sequence[Awaitable[dict[Key, Found]]]) -> list[dict[Key, Found]]:
    # One is what there mostly is, and needs no tasks.
    return [await flights[0]] if len(flights) == 1 else await asyncio.gather(*flights)


def _packed(recognition: Recognition) -> bytes:
    entities = [[entity.type, entity.start, entity.end, entity.score] for entity in recognition.entities]
    return json.dumps([recognition.windows, entities], separators=(",", ":")).encode()


def _unpacked(value: bytes, text: str) -> Recognition:
    windows, entities = json.loads(value)
    return Recognition([Entity(type_, text[s:e], s, e, score) for type_, s, e, score in entities], windows)
