"""Redis store: one cache for all workers and replicas.

One task talks to Redis over one connection. Lookups that arrive while it waits for a reply are sent together in the
next exchange. A request waits at most `WAIT_S` for a lookup, and not at all while Redis is down or its reply is late.
The connection itself has a timeout of `_TIMEOUT_S` and is re-established in the background, with growing delays.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ner_runtime.serving.answering.cache import Key
from ner_runtime.serving.telemetry.logs import log
from ner_runtime.serving.telemetry.metrics import CACHE_ERRORS, CACHE_UP

WAIT_S = 0.01
_TURNS = 8  # event loop iterations until a reply in the socket reaches its request, with some reserve
_TIMEOUT_S = 1.0
_BACK_OFF_S = (0.1, 5.0)
_MAX_PENDING_BYTES = 16 * 1024 * 1024
_PREFIX = "raner:1:"


@dataclass(slots=True)
class _Lookup:
    keys: list[Key]
    reply: asyncio.Future[dict[Key, bytes]]


class RedisStore:
    """A store in Redis. It belongs to the event loop that is running when it is created."""

    def __init__(self, url: str, ttl_s: float) -> None:
        self._ttl_ms = int(ttl_s * 1000)
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            single_connection_client=True,
            retry=Retry(NoBackoff(), 0),
        )
        self._lookups: list[_Lookup] = []
        self._values: dict[Key, bytes] = {}
        self._values_bytes = 0
        self._pending = asyncio.Event()
        self._late = False  # whether the reply of the running exchange is late
        self._up = False
        self._logged = False
        self._task = asyncio.create_task(self._run())

    def get_now(self, keys: Iterable[Key]) -> None:
        """Redis can only be asked with `get`."""

    async def get(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        if not self._up or self._late:
            CACHE_ERRORS.labels("slow" if self._up else "down").inc()
            return {}
        lookup = _Lookup(list(keys), asyncio.get_running_loop().create_future())
        self._lookups.append(lookup)
        self._pending.set()
        await asyncio.wait([lookup.reply], timeout=WAIT_S)
        for _ in range(_TURNS):
            if lookup.reply.done():
                return lookup.reply.result()
            # A reply that arrived while this process was busy is not late.
            await asyncio.sleep(0)
        self._late = True
        CACHE_ERRORS.labels("slow").inc()
        return {}

    def put(self, key: Key, value: bytes) -> None:
        if self._up and self._values_bytes + len(value) <= _MAX_PENDING_BYTES and key not in self._values:
            self._values[key] = value
            self._values_bytes += len(value)
            self._pending.set()

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        with suppress(RedisError, OSError):
            await self._redis.aclose()

    async def _run(self) -> None:
        pause = _BACK_OFF_S[0]
        while True:
            try:
                await self._redis.ping()
                self._set_up(True)
                pause = _BACK_OFF_S[0]
                while True:
                    await self._pending.wait()
                    await self._exchange()
            except Exception as error:  # noqa: BLE001 - redis-py raises various errors if a reply is not valid
                self._set_up(False, error)
                # What follows on the connection would be taken for the replies to later lookups.
                with suppress(RedisError, OSError):
                    await self._redis.connection_pool.disconnect()
            self._drop_pending()
            # The jitter keeps workers and replicas from reconnecting all at once.
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(pause * 2, _BACK_OFF_S[1])

    async def _exchange(self) -> None:
        lookups, self._lookups = self._lookups, []
        values, self._values, self._values_bytes = self._values, {}, 0
        self._pending.clear()
        keys = list(dict.fromkeys(key for lookup in lookups for key in lookup.keys))
        pipe = self._redis.pipeline(transaction=False)
        if keys:
            pipe.mget([_PREFIX + key for key in keys])
        for key, value in values.items():
            pipe.set(_PREFIX + key, value, px=self._ttl_ms)
        try:
            # An error of one command, as when Redis is full or read-only, must not fail the others.
            results = await pipe.execute(raise_on_error=False)
            got = results.pop(0) if keys else []
            found = {} if isinstance(got, RedisError) else dict(zip(keys, got, strict=True))
        except BaseException:
            self._lookups += lookups
            raise
        finally:
            self._late = False
        rejected = [result for result in (got, *results) if isinstance(result, RedisError)]
        CACHE_ERRORS.labels("refused").inc(len(rejected))
        for lookup in lookups:
            _resolve(lookup, {key: value for key in lookup.keys if (value := found.get(key)) is not None})

    def _drop_pending(self) -> None:
        for lookup in self._lookups:
            _resolve(lookup, {})
        self._lookups, self._values, self._values_bytes = [], {}, 0

    def _set_up(self, up: bool, reason: Exception | None = None) -> None:
        CACHE_UP.set(int(up))
        if up == self._up and self._logged:
            return
        self._up, self._logged = up, True
        if up:
            log.info("Redis cache is up")
        else:
            log.warning(
                "Redis cache is down; results are computed until it is back",
                extra={"why": f"{type(reason).__name__}: {reason}"},
            )


def _resolve(lookup: _Lookup, found: dict[Key, bytes]) -> None:
    if not lookup.reply.done():
        lookup.reply.set_result(found)
