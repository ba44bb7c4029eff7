"""The Redis store with a real Redis that is killed, paused, full and protected by a password."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path
from time import perf_counter

import pytest
from redis.asyncio import Redis

from ner_runtime.serving.answering import redis_store
from ner_runtime.serving.answering.cache import MemoryStore, Store
from ner_runtime.serving.answering.redis_store import WAIT_S, RedisStore
from tests.support.servers.redis import RedisServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def redis(tmp_path: Path) -> Generator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for look-ups, however busy the machine is."""
    monkeypatch.setattr(redis_store, "WAIT_S", 10)


async def connect(url: str, ttl_s: float = 60) -> RedisStore:
    store = RedisStore(url, ttl_s)
    await until_found(store, "up", b"1")
    return store


async def until_found(store: Store, key: str, value: bytes, seconds: float = 15) -> None:
    """Return once the store returns what was put."""
    async with asyncio.timeout(seconds):
        while await store.get([key]) != {key: value}:
            store.put(key, value)
            # The store connects again in the background, without an event to wait for.
            await asyncio.sleep(0.02)


async def until_missing(store: Store, key: str, seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while await store.get([key]):
            await asyncio.sleep(0.02)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("kind", ["memory", "redis"])
async def test_a_value_expires(redis: RedisServer, kind: str) -> None:
    ttl_s = 0.5
    store = MemoryStore(1000, ttl_s) if kind == "memory" else await connect(redis.url, ttl_s)
    before = perf_counter()
    await until_found(store, "a", b"1")
    assert await store.get(["a", "b"]) == {"a": b"1"}
    await until_missing(store, "a")
    assert perf_counter() - before >= ttl_s - 0.01
    await store.close()


@pytest.mark.usefixtures("patient")
async def test_concurrent_look_ups_return_their_own_values(redis: RedisServer) -> None:
    store = await connect(redis.url)
    for number in range(200):
        store.put(f"{number}", b"%d" % number)
    await store.get(["once"])
    found = await asyncio.gather(*(store.get([f"{number}", "missing"]) for number in range(200)))
    assert found == [{f"{number}": b"%d" % number} for number in range(200)]
    await store.close()


async def slowest_look_up(store: Store) -> float:
    """The longest of many look-ups, in seconds."""
    longest = 0.0
    for number in range(100):
        store.put(f"{number}", b"1")
        before = perf_counter()
        await store.get(["a"])
        longest = max(longest, perf_counter() - before)
        await asyncio.sleep(0.005)
    return longest


async def test_a_paused_or_killed_redis_costs_milliseconds_and_is_used_again_once_it_is_back(
    redis: RedisServer,
) -> None:
    store = await connect(redis.url)
    redis.pause()
    assert await slowest_look_up(store) < WAIT_S + 0.1
    redis.resume()
    await until_found(store, "b", b"2")
    redis.kill()
    assert await slowest_look_up(store) < WAIT_S + 0.1
    redis.start()
    await until_found(store, "c", b"3")
    await store.close()


@pytest.mark.usefixtures("patient")
async def test_a_redis_that_rejects_writes_is_still_read(redis: RedisServer) -> None:
    store = await connect(redis.url)
    await until_found(store, "a", b"1")
    async with Redis.from_url(redis.url) as admin:
        await admin.config_set("maxmemory", "1")
    store.put("b", b"2")
    assert await store.get(["a", "b"]) == {"a": b"1"}
    assert await store.get(["a", "b"]) == {"a": b"1"}
    await store.close()


async def test_a_wrong_password_is_logged_once_without_the_password(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis.kill()
    redis.start("--requirepass", "right-password")
    store = RedisStore(redis.url.replace("redis://", "redis://:wrong-password@"), 60)
    # Long enough for several attempts to connect.
    for _ in range(50):
        assert await store.get(["a"]) == {}
        await asyncio.sleep(0.01)
    await store.close()
    assert len(caplog.records) == 1
    assert "wrong-password" not in str(caplog.records[0].__dict__)


INVALID_REPLIES = [b":abc\r\n", b"$abc\r\n", b"*1\r\n$-5\r\n", b"*1\r\n" * 3000, b"+OK\r\n", b"*-1\r\n"]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("reply", INVALID_REPLIES, ids=lambda reply: repr(reply[:20]))
async def test_the_store_connects_again_after_an_invalid_reply(reply: bytes) -> None:
    replies = [reply]

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while sent := await reader.read(65536):
            if b"PING" in sent:
                writer.write(b"+PONG\r\n")
            if b"MGET" in sent:
                # What follows an invalid reply must not be read as the next one.
                writer.write(replies.pop() + b"*1\r\n$1\r\n2\r\n" if replies else b"*1\r\n$1\r\n1\r\n")
            writer.write(b"+OK\r\n" * (sent.count(b"\r\nSET\r\n") + sent.count(b"SETINFO")))
        writer.close()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        store = RedisStore(f"redis://{host}:{port}?protocol=2", 60)
        await until_found(store, "a", b"1")
        assert not replies
        await store.close()
