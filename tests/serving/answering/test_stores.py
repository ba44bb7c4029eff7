"""Stores: in memory, and in a real Redis that is killed, paused and full."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Generator
from pathlib import Path
from time import perf_counter

import pytest
from redis.asyncio import Redis

from ner_runtime.serving.answering import redis_store
from ner_runtime.serving.answering.cache_url import open_store
from ner_runtime.serving.answering.redis_store import WAIT_S, RedisStore
from ner_runtime.serving.answering.stores import MemoryStore
from tests.support.redis_server import RedisServer


@pytest.fixture
def redis(tmp_path: Path) -> Generator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look-ups are waited for, however busy the machine is."""
    monkeypatch.setattr(redis_store, "WAIT_S", 10)


def test_which_store_a_url_means() -> None:
    assert open_store("off", 60) is None
    assert isinstance(open_store("memory://", 60), MemoryStore)

    async def opened() -> None:
        store = open_store("redis://127.0.0.1:1/0", 60)
        assert isinstance(store, RedisStore)
        await store.close()

    asyncio.run(opened())


def test_memory_is_bounded_in_bytes_and_the_least_recently_used_goes_first() -> None:
    async def used() -> None:
        store = MemoryStore(100_000, 60)
        for number in range(100):
            store.put(f"key-{number}", b"x" * 1700)
            await store.get(["key-0"])
        left = await store.get([f"key-{number}" for number in range(100)])
        assert list(left) == ["key-0", *(f"key-{number}" for number in range(100 - 42, 100))]
        store.put("large", b"x" * 100_001)
        assert await store.get(["large"]) == {}

    asyncio.run(used())


def test_what_an_entry_takes_is_not_underestimated() -> None:
    tracemalloc.start()
    store = MemoryStore(2_000_000, 60)
    before = tracemalloc.get_traced_memory()[0]
    for number in range(20_000):
        store.put(f"{number:048}", b"%d" % number * 10)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert taken < 1.2 * 2_000_000


@pytest.mark.usefixtures("patient")
def test_a_result_is_kept_for_its_time_and_no_longer(redis: RedisServer) -> None:
    async def used() -> None:
        for store in (MemoryStore(1000, 0.5), await connected(redis.url, 0.5)):
            store.put("a", b"1")
            assert await store.get(["a", "b"]) in ({"a": b"1"}, {})
            assert await store.get(["a", "b"]) == {"a": b"1"}
            await asyncio.sleep(0.6)
            assert await store.get(["a"]) == {}
            await store.close()

    asyncio.run(used())


async def connected(url: str, ttl_s: float = 60) -> RedisStore:
    store = RedisStore(url, ttl_s)
    await found(store, "up", b"1")
    return store


async def found(store: RedisStore, key: str, value: bytes, seconds: float = 15) -> None:
    """Return when the store gives what it was given."""
    deadline = perf_counter() + seconds
    while perf_counter() < deadline:
        store.put(key, value)
        await asyncio.sleep(0.02)
        if await store.get([key]) == {key: value}:
            return
    raise AssertionError("Redis did not come back")


@pytest.mark.usefixtures("patient")
def test_many_look_ups_at_once_find_each_its_own(redis: RedisServer) -> None:
    async def used() -> None:
        store = await connected(redis.url)
        for number in range(200):
            store.put(f"{number}", b"%d" % number)
        await store.get(["once"])
        looked = await asyncio.gather(*(store.get([f"{number}", "missing"]) for number in range(200)))
        assert looked == [{f"{number}": b"%d" % number} for number in range(200)]
        await store.close()

    asyncio.run(used())


def test_redis_dead_paused_and_back_costs_milliseconds_and_never_an_answer(redis: RedisServer) -> None:
    async def slowest() -> float:
        """The slowest of many look-ups, in seconds."""
        worst = 0.0
        for number in range(100):
            began = perf_counter()
            store.put(f"{number}", b"1")
            await store.get(["a"])
            worst = max(worst, perf_counter() - began)
            await asyncio.sleep(0.005)
        return worst

    async def used() -> None:
        nonlocal store
        store = await connected(redis.url)
        redis.pause()
        assert await slowest() < WAIT_S + 0.1
        redis.resume()
        await found(store, "b", b"2")
        redis.kill()
        assert await slowest() < WAIT_S + 0.1
        redis.start()
        await found(store, "c", b"3")
        await store.close()

    store: RedisStore
    asyncio.run(used())


@pytest.mark.usefixtures("patient")
def test_a_redis_that_refuses_to_write_still_gives_what_it_has(redis: RedisServer) -> None:
    async def used() -> None:
        store = await connected(redis.url)
        await found(store, "a", b"1")
        admin = Redis.from_url(redis.url)
        await admin.config_set("maxmemory", "1")
        store.put("b", b"2")
        await asyncio.sleep(0.05)
        assert await store.get(["a", "b"]) == {"a": b"1"}
        await admin.aclose()
        await store.close()

    asyncio.run(used())


def test_a_wrong_password_is_told_once_and_costs_no_answer(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis.kill()
    redis.start("--requirepass", "right-password")

    async def used() -> None:
        store = RedisStore(redis.url.replace("redis://", "redis://:wrong-password@"), 60)
        for _ in range(50):
            assert await store.get(["a"]) == {}
            await asyncio.sleep(0.01)
        await store.close()

    asyncio.run(used())
    assert len(caplog.records) == 1
    assert "wrong-password" not in str(caplog.records[0].__dict__)
