import pytest

from ner_runtime.serving.answering.cache import MemoryStore
from ner_runtime.serving.answering.cache_url import open_store
from ner_runtime.serving.answering.redis_store import RedisStore


def test_off_means_no_store() -> None:
    assert open_store("off", 60) is None


async def size(store: MemoryStore, entries: int) -> int:
    """How many of the entries, of about a megabyte each, the store keeps."""
    for number in range(entries):
        store.put(str(number), b"x" * 1_000_000)
    return len(await store.get([str(number) for number in range(entries)]))


@pytest.mark.anyio
@pytest.mark.parametrize(("url", "kept"), [("memory://?max_mb=2", 2), ("memory://", 67)])
async def test_memory_is_bounded_by_the_url(url: str, kept: int) -> None:
    store = open_store(url, 60)
    assert isinstance(store, MemoryStore)
    assert await size(store, kept + 1) == kept


@pytest.mark.anyio
async def test_redis_need_not_be_running() -> None:
    store = open_store("redis://127.0.0.1:1/0", 60)
    assert isinstance(store, RedisStore)
    assert await store.get(["a"]) == {}
    await store.close()
