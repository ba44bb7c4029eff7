"""Redis store: one cache for all workers and replicas.

One task speaks to Redis, over one connection: what is asked for while it waits for an answer goes out together with
the next question. A request waits at most `WAIT_S` for a look-up, and not at all while Redis is down or is late with an
answer. The connection itself is given `_PATIENCE_S`, and is sought again in the background, less and less often.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ner_runtime.serving.answering.stores import Key
from ner_runtime.serving.telemetry.logs import log
from ner_runtime.serving.telemetry.metrics import CACHE_ERRORS, CACHE_UP

WAIT_S = 0.01
_TURNS = 8  # of the event loop, from an answer in the socket to the one who waits, and some more
_PATIENCE_S = 1.0
_BACK_OFF_S = (0.1, 5.0)
_MAX_WAITING_BYTES = 16 * 1024 * 1024
_PREFIX = "raner:1:"


@dataclass(slots=True)
class _Question:
    keys: list[Key]
    answer: asyncio.Future[dict[Key, bytes]]


class RedisStore:
    """Results in Redis. It belongs to the event loop in which it is made."""

    def __init__(self, url: str, ttl_s: float) -> None:
        self._ttl_ms = int(ttl_s * 1000)
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=_PATIENCE_S,
            socket_connect_timeout=_PATIENCE_S,
            single_connection_client=True,
            retry=Retry(NoBackoff(), 0),
        )
        self._questions: list[_Question] = []
        self._values: dict[Key, bytes] = {}
        self._values_bytes = 0
        self._something = asyncio.Event()
        self._late = False  # the answer to the question that is on its way
        self._up = False
        self._told = False
        self._task = asyncio.create_task(self._run())

    async def get(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        if not self._up or self._late:
            CACHE_ERRORS.labels("slow" if self._up else "down").inc()
            return {}
        question = _Question(list(keys), asyncio.get_running_loop().create_future())
        self._questions.append(question)
        self._something.set()
        await asyncio.wait([question.answer], timeout=WAIT_S)
        for _ in range(_TURNS):
            if question.answer.done():
                return question.answer.result()
            # What has arrived while this process was busy with other things is not late.
            await asyncio.sleep(0)
        self._late = True
        CACHE_ERRORS.labels("slow").inc()
        return {}

    def put(self, key: Key, value: bytes) -> None:
        if self._up and self._values_bytes + len(value) <= _MAX_WAITING_BYTES and key not in self._values:
            self._values[key] = value
            self._values_bytes += len(value)
            self._something.set()

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
                    await self._something.wait()
                    await self._exchange()
            except (RedisError, OSError, asyncio.IncompleteReadError) as error:
                self._set_up(False, error)
            self._drop()
            # Workers and replicas should not come back all at once.
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(pause * 2, _BACK_OFF_S[1])

    async def _exchange(self) -> None:
        questions, self._questions = self._questions, []
        values, self._values, self._values_bytes = self._values, {}, 0
        self._something.clear()
        keys = list(dict.fromkeys(key for question in questions for key in question.keys))
        pipe = self._redis.pipeline(transaction=False)
        if keys:
            pipe.mget([_PREFIX + key for key in keys])
        for key, value in values.items():
            pipe.set(_PREFIX + key, value, px=self._ttl_ms)
        try:
            # An error of one command, as when Redis is full or read-only, is no reason to do without the others.
            results = await pipe.execute(raise_on_error=False)
        except BaseException:
            self._questions += questions
            raise
        finally:
            self._late = False
        got = results.pop(0) if keys else []
        refused = [result for result in (got, *results) if isinstance(result, RedisError)]
        CACHE_ERRORS.labels("refused").inc(len(refused))
        found = {} if isinstance(got, RedisError) else dict(zip(keys, got, strict=True))
        for question in questions:
            _resolve(question, {key: value for key in question.keys if (value := found.get(key)) is not None})

    def _drop(self) -> None:
        for question in self._questions:
            _resolve(question, {})
        self._questions, self._values, self._values_bytes = [], {}, 0

    def _set_up(self, up: bool, why: Exception | None = None) -> None:
        CACHE_UP.set(int(up))
        if up == self._up and self._told:
            return
        self._up, self._told = up, True
        if up:
            log.info("cache is up")
        else:
            log.warning(
                "cache is down; until it is back, all is computed", extra={"why": f"{type(why).__name__}: {why}"}
            )


def _resolve(question: _Question, found: dict[Key, bytes]) -> None:
    if not question.answer.done():
        question.answer.set_result(found)
