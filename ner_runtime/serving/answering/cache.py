"""Cache: keep the results of texts, and compute a text only once for concurrent requests (single-flight).

A key is a hash of the model, of how it splits texts, of the lexicons, and of the text. A value holds types, offsets,
scores and sources. Neither contains the text itself. The other options of a request are not part of the key, because
they only filter or convert the result. Errors are not cached.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol, cast, get_args

from cachetools import TTLCache

from ner_runtime.entities import Entity, EntitySource, Recognition
from ner_runtime.json import to_json
from ner_runtime.manifest import Manifest
from ner_runtime.recognizer import RULES_VERSION
from ner_runtime.serving.answering.batching.window_queue import ScheduledResult
from ner_runtime.serving.telemetry.deferred import DEFERRED
from ner_runtime.serving.telemetry.metrics import CACHE_BYTES, CACHE_LOOKUPS
from ner_runtime.settings import DEFAULT_MODEL

Key = str

Recognize = Callable[[Sequence[str]], Awaitable[ScheduledResult]]
"""Recognizes the entities of texts."""

# Measured memory of an entry in addition to its value: the key, the list node and the expiry time.
_ENTRY_BYTES = 600
_SOURCES = get_args(EntitySource)

_HITS, _MISSES, _SHARED = (CACHE_LOOKUPS.labels(result) for result in ("hit", "miss", "shared"))


class Store(Protocol):
    """Stores results. A store never makes a request fail: a key that it cannot look up in time counts as a miss."""

    def get_now(self, keys: Iterable[Key]) -> dict[Key, bytes] | None:
        """Return the stored values like `get`, or None if the store cannot tell without waiting."""
        ...

    async def get(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        """Return the stored values by key. Keys that are not stored are left out."""
        ...

    def put(self, key: Key, value: bytes) -> None:
        """Store a value, if possible."""
        ...

    async def close(self) -> None:
        """Release the resources of the store."""
        ...


class MemoryStore:
    """A store in the memory of this process. Its size is limited; it evicts the least recently used entry first."""

    def __init__(self, max_bytes: int, ttl_s: float) -> None:
        self._entries: TTLCache[Key, bytes] = TTLCache(max_bytes, ttl_s, getsizeof=_entry_size)

    def get_now(self, keys: Iterable[Key]) -> dict[Key, bytes]:
        return {key: value for key in keys if (value := self._entries.get(key)) is not None}

    async def get(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        return self.get_now(keys)

    def put(self, key: Key, value: bytes) -> None:
        # A value larger than the whole store is not stored.
        with suppress(ValueError):
            self._entries[key] = value
        DEFERRED.set(CACHE_BYTES, self._entries.currsize)

    async def close(self) -> None:
        self._entries.clear()


@dataclass(frozen=True, slots=True)
class TextResult:
    """The result of one text.

    recognition: its entities
    started: when the lookup or the inference started, in `perf_counter` seconds
    cached: whether the result comes from the store
    """

    recognition: Recognition
    started: float
    cached: bool


class _Flight:
    """Texts that are being looked up and computed, and the number of requests that wait for them."""

    def __init__(self, task: asyncio.Task[dict[Key, TextResult]]) -> None:
        self._task = task
        self._waiting = 0
        self.abandoned = False

    def join(self) -> Awaitable[dict[Key, TextResult]]:
        """Wait for the results. When the last waiting request is cancelled, the flight is cancelled too."""
        self._waiting += 1
        results = asyncio.shield(self._task)
        results.add_done_callback(self._leave)
        return results

    def _leave(self, _results: asyncio.Future[dict[Key, TextResult]]) -> None:
        self._waiting -= 1
        if not self._waiting:
            self.abandoned = True
            self._task.cancel()


class Cache:
    """Returns cached results and computes the others. It belongs to one event loop and survives model changes."""

    def __init__(self, store: Store | None) -> None:
        """`store`: where results are kept; with None, only concurrent requests share results."""
        self._store = store
        self._flights: dict[tuple[str, Key], _Flight] = {}

    async def results(
        self, texts: Sequence[str], model: bytes, recognize: Recognize, slot: str = DEFAULT_MODEL
    ) -> list[TextResult]:
        """Return the result of each text.

        Args:
            texts: texts of one request
            model: `model_identity` of the model that `recognize` uses, see also `with_lexicon`
            recognize: called with the texts that are not cached
            slot: name of the model slot of the request. Slots with the same model share what is stored, but not what is
                being computed: a request must not fail because another slot is overloaded or changes its model

        Raises:
            The errors of `recognize`.
        """
        keys = [text_key(model, text) for text in texts]
        shared = {key: flight for key in keys if (flight := self._flights.get((slot, key))) and not flight.abandoned}
        if shared:
            DEFERRED.count(_SHARED, len(shared))
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in shared}
        stored = self._store.get_now(new) if self._store is not None and new else None
        results = _decoded(stored, new) if stored is not None else {}
        missed = {key: text for key, text in new.items() if key not in results} if results else new
        flights = [self._start(missed, recognize, slot, look_up=stored is None)] if missed else []
        flights += dict.fromkeys(shared.values())
        for found in await _all([flight.join() for flight in flights]):
            results |= found
        return [results[key] for key in keys]

    async def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            await self._store.close()

    def _start(self, texts: dict[Key, str], recognize: Recognize, slot: str, *, look_up: bool) -> _Flight:
        computing = self._look_up_or_compute(texts, recognize) if look_up else self._compute(texts, recognize)
        task = asyncio.create_task(computing)
        flight = _Flight(task)
        keys = [(slot, key) for key in texts]
        self._flights |= dict.fromkeys(keys, flight)

        def end(task: asyncio.Task[dict[Key, TextResult]]) -> None:
            for key in keys:
                if self._flights.get(key) is flight:
                    del self._flights[key]
            if not task.cancelled():
                # Marks the exception as retrieved; asyncio would report it if every request had just been cancelled.
                task.exception()

        task.add_done_callback(end)
        return flight

    async def _look_up_or_compute(self, texts: dict[Key, str], recognize: Recognize) -> dict[Key, TextResult]:
        results = _decoded(await self._store.get(list(texts)), texts) if self._store is not None else {}
        missed = {key: text for key, text in texts.items() if key not in results}
        return results | await self._compute(missed, recognize) if missed else results

    async def _compute(self, texts: dict[Key, str], recognize: Recognize) -> dict[Key, TextResult]:
        computed = await recognize(list(texts.values()))
        results: dict[Key, TextResult] = {}
        for key, recognition in zip(texts, computed.recognitions, strict=True):
            results[key] = TextResult(recognition, computed.started, cached=False)
            if self._store is not None:
                self._store.put(key, _encode(recognition))
        return results


def model_identity(manifest: Manifest, engine: str) -> bytes:
    """Return a hash of what determines a result besides the text: model files, how the model splits texts, engine."""
    windowing = f"{RULES_VERSION} {manifest.window} {manifest.by_sentence} {manifest.skip_markup}"
    files = (f"{name} {digest}" for name, digest in sorted(manifest.files.items()))
    parts = [engine, windowing, manifest.version, manifest.precision, *files]
    return hashlib.sha256("\n".join(parts).encode()).digest()


def with_lexicon(model: bytes, digest: str) -> bytes:
    """Return the identity of a model together with the lexicons that have this digest."""
    return hashlib.blake2b(digest.encode(), key=model, digest_size=32).digest()


def text_key(model: bytes, text: str) -> Key:
    """Return the cache key of a text for a model."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=model, digest_size=24).hexdigest()


async def _all(flights: Sequence[Awaitable[dict[Key, TextResult]]]) -> list[dict[Key, TextResult]]:
    # Most requests wait for one flight, which needs no task.
    return [await flights[0]] if len(flights) == 1 else await asyncio.gather(*flights)


def _encode(recognition: Recognition) -> bytes:
    entities = [
        # Most entities come from the model, so that source is left out.
        [entity.type, entity.start, entity.end, entity.score, *([entity.source] * (entity.source != "model"))]
        for entity in recognition.entities
    ]
    return to_json([recognition.windows, entities])


def _decode(value: bytes, text: str) -> Recognition:
    """Return the recognition that `_encode` encoded.

    Raises:
        ValueError, TypeError, RecursionError: the value does not come from `_encode`, or is of another text.
    """
    windows, entities = json.loads(value)
    if type(windows) is not int or type(entities) is not list:
        raise ValueError
    return Recognition([_entity(text, *fields) for fields in cast("list[list[Any]]", entities)], windows)


def _entity(
    text: str, type_: object, start: object, end: object, score: object, source: EntitySource = "model"
) -> Entity:
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise ValueError
    if type(type_) is not str or not isinstance(score, int | float) or not 0 <= score <= 1 or source not in _SOURCES:
        raise ValueError
    return Entity(type_, text[start:end], start, end, score, source)


def _decoded(stored: Mapping[Key, bytes], texts: Mapping[Key, str]) -> dict[Key, TextResult]:
    """Return the results of those `texts` that are stored, and count hits and misses."""
    started = perf_counter()
    results: dict[Key, TextResult] = {}
    for key, value in stored.items():
        # Other programs may write to Redis. An invalid value counts as a miss.
        with suppress(ValueError, TypeError, RecursionError):
            results[key] = TextResult(_decode(value, texts[key]), started, cached=True)
    if results:
        DEFERRED.count(_HITS, len(results))
    if len(results) < len(texts):
        DEFERRED.count(_MISSES, len(texts) - len(results))
    return results


def _entry_size(value: bytes) -> int:
    return len(value) + _ENTRY_BYTES
