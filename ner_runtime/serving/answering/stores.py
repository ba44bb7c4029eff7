"""Stores: where the cache keeps results: in this process, or in Redis for many of them.

A store never costs a request its answer. What cannot be looked up in time counts as not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from cachetools import TTLCache

from ner_runtime.serving.telemetry.metrics import CACHE_BYTES

Key = str

_ENTRY_BYTES = 600
"""What an entry takes beside its value: measured, the key, the list node and the time."""


class Store(Protocol):
    """Where results are kept."""

    async def get(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        """Those that are there."""
        ...

    def put(self, key: Key, value: bytes) -> None:
        """Keep a value, if that can be done."""
        ...

    async def close(self) -> None:
        """Let go of what the store holds."""
        ...


class MemoryStore:
    """In this process, the least recently used going first; bounded in bytes."""

    def __init__(self, max_bytes: int, ttl_s: float) -> None:
        self._entries: TTLCache[Key, bytes] = TTLCache(max_bytes, ttl_s, getsizeof=_entry_size)

    async def get(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        return {key: value for key in keys if (value := self._entries.get(key)) is not None}

    def put(self, key: Key, value: bytes) -> None:
        # One that is larger than all the room there is is not kept.
        with suppress(ValueError):
            self._entries[key] = value
        CACHE_BYTES.set(self._entries.currsize)

    async def close(self) -> None:
        self._entries.clear()


def _entry_size(value: bytes) -> int:
    return len(value) + _ENTRY_BYTES
