"""The cache over a recognizer that counts its calls."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Sequence

import pytest

from ner_runtime import Recognizer
from ner_runtime.entities import Entity, Recognition
from ner_runtime.serving.answering.batching.window_queue import ScheduledResult
from ner_runtime.serving.answering.cache import Cache, MemoryStore, TextResult, model_identity, text_key
from ner_runtime.serving.api.errors import Overloaded

pytestmark = pytest.mark.anyio

MODEL, OTHER = b"m" * 32, b"o" * 32


class CountingRecognizer:
    """Finds one entity that covers the text, and records the texts. Waits for `go` while it is cleared."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.completed = 0
        self.started = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, texts: Sequence[str]) -> ScheduledResult:
        self.texts += texts
        self.started.set()
        await self.go.wait()
        self.completed += 1
        if "bad" in texts:
            raise ValueError("bad")
        return ScheduledResult([Recognition([Entity("PER", text, 0, len(text), 0.5)], 1) for text in texts], 1.0)


@pytest.fixture
def cache() -> Cache:
    return Cache(MemoryStore(1_000_000, 60))


@pytest.fixture
def recognize() -> CountingRecognizer:
    return CountingRecognizer()


def spans(results: Sequence[TextResult]) -> list[str]:
    return [result.recognition.entities[0].span for result in results]


async def turns() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_text_is_computed_once(cache: Cache, recognize: CountingRecognizer) -> None:
    [first] = await cache.results(["马云"], MODEL, recognize)
    [second] = await cache.results(["马云"], MODEL, recognize)
    assert (first.cached, second.cached) == (False, True)
    assert first.recognition == second.recognition
    assert recognize.texts == ["马云"]


async def test_only_missing_texts_are_computed_and_results_keep_the_order(
    cache: Cache, recognize: CountingRecognizer
) -> None:
    await cache.results(["b"], MODEL, recognize)
    results = await cache.results(["a", "b", "\ud800", "a"], MODEL, recognize)
    assert spans(results) == ["a", "b", "\ud800", "a"]
    assert [result.cached for result in results] == [False, True, False, False]
    assert recognize.texts == ["b", "a", "\ud800"]
    assert await cache.results([], MODEL, recognize) == []


@pytest.mark.parametrize("stored", [True, False])
async def test_concurrent_requests_share_one_computation(recognize: CountingRecognizer, stored: bool) -> None:
    cache = Cache(MemoryStore(1_000_000, 60) if stored else None)
    recognize.go.clear()
    same = asyncio.gather(*(cache.results(["a"], MODEL, recognize) for _ in range(200)))
    overlapping = asyncio.gather(*(cache.results(texts, MODEL, recognize) for texts in (["d", "e"], ["e", "f"])))
    await turns()
    recognize.go.set()
    assert {tuple(spans(results)) for results in await same} == {("a",)}
    assert [spans(results) for results in await overlapping] == [["d", "e"], ["e", "f"]]
    assert sorted(recognize.texts) == ["a", "d", "e", "f"]


async def test_models_do_not_share_results(cache: Cache, recognize: CountingRecognizer) -> None:
    await cache.results(["a"], MODEL, recognize)
    [result] = await cache.results(["a"], OTHER, recognize)
    assert not result.cached


async def test_slots_with_the_same_model_share_what_is_stored_but_not_what_is_being_computed(
    cache: Cache, recognize: CountingRecognizer
) -> None:
    async def overloaded(texts: Sequence[str]) -> ScheduledResult:
        raise Overloaded("the queue is too long; try again shortly")

    recognize.go.clear()
    of_busy_slot = asyncio.create_task(cache.results(["a"], MODEL, overloaded, "busy"))
    of_free_slot = asyncio.create_task(cache.results(["a"], MODEL, recognize, "free"))
    with pytest.raises(Overloaded):
        await of_busy_slot
    recognize.go.set()
    assert spans(await of_free_slot) == ["a"]
    [result] = await cache.results(["a"], MODEL, overloaded, "busy")
    assert result.cached


async def test_an_error_reaches_every_waiting_request_and_is_not_cached(
    cache: Cache, recognize: CountingRecognizer
) -> None:
    results = [cache.results(["bad"], MODEL, recognize) for _ in range(5)]
    errors = await asyncio.gather(*results, return_exceptions=True)
    assert [type(error) for error in errors] == [ValueError] * 5
    with pytest.raises(ValueError, match="bad"):
        await cache.results(["bad"], MODEL, recognize)
    assert recognize.texts == ["bad", "bad"]


async def test_a_cancelled_request_does_not_cancel_the_computation_for_the_others(
    cache: Cache, recognize: CountingRecognizer
) -> None:
    recognize.go.clear()
    first = asyncio.create_task(cache.results(["a"], MODEL, recognize))
    await recognize.started.wait()
    second = asyncio.create_task(cache.results(["a", "b"], MODEL, recognize))
    await turns()
    first.cancel()
    recognize.go.set()
    assert spans(await second) == ["a", "b"]
    assert recognize.texts == ["a", "b"]


async def test_the_last_cancelled_request_cancels_the_computation_and_the_next_one_starts_it_again(
    cache: Cache, recognize: CountingRecognizer
) -> None:
    recognize.go.clear()
    first = asyncio.create_task(cache.results(["a"], MODEL, recognize))
    await recognize.started.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    recognize.go.set()
    assert spans(await cache.results(["a"], MODEL, recognize)) == ["a"]
    assert (recognize.texts, recognize.completed) == (["a", "a"], 1)


async def test_neither_key_nor_value_contains_the_text(recognize: CountingRecognizer) -> None:
    values: dict[str, bytes] = {}

    class Recording(MemoryStore):
        def put(self, key: str, value: bytes) -> None:
            values[key] = value

    await Cache(Recording(1000, 60)).results(["secret"], MODEL, recognize)
    [(key, value)] = values.items()
    assert key == text_key(MODEL, "secret")
    assert "secret" not in key
    assert value == b'[1,[["PER",0,6,0.5]]]'


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b"\xff", b"{}", b"[1]", b"[" * 100_000, b'"ab"', b'{"1":[],"2":[]}'),
        *(b'["1",[]]', b"[null,[]]", b"[1.5,[]]", b'[1,""]', b'[1,{"PER01":1}]'),
        *(b'[1,[["PER"]]]', b'[1,[["PER","a","b",1]]]', b'[1,[["PER",0,1,"high"]]]', b'[1,[["PER",0,1,null]]]'),
        *(b'[1,[["PER",0,1,NaN]]]', b'[1,[["PER",0,1,2.0]]]', b"[1,[[1,0,1,0.5]]]", b'[1,[[["PER"],0,1,0.5]]]'),
        *(b'[1,[["PER",0,2,0.5]]]', b'[1,[["PER",-1,1,0.5]]]', b'[1,[["PER",1,0,0.5]]]', b'[1,[["PER",false,1,0.5]]]'),
        *(b'[1,[["PER",0,1,0.5,"other"]]]', b'[1,[["PER",0,1,0.5,[]]]]', b'[1,[["PER",0,1,0.5,"model",1]]]'),
    ],
)
async def test_an_invalid_value_in_the_store_counts_as_a_miss(recognize: CountingRecognizer, value: bytes) -> None:
    store = MemoryStore(200_000, 60)
    store.put(text_key(MODEL, "a"), value)
    [result] = await Cache(store).results(["a"], MODEL, recognize)
    assert not result.cached


def test_the_identity_of_a_model_includes_its_files_its_windowing_and_the_engine(recognizer: Recognizer) -> None:
    manifest = recognizer.manifest
    other_files = manifest.model_copy(update={"files": {**manifest.files, "vocab.txt": "0" * 64}})
    other_windowing = manifest.model_copy(update={"by_sentence": False})
    identities = {
        model_identity(manifest, "onnxruntime"),
        model_identity(manifest, "openvino"),
        model_identity(other_files, "onnxruntime"),
        model_identity(other_windowing, "onnxruntime"),
    }
    assert len(identities) == 4


async def test_the_memory_store_is_bounded_and_evicts_the_least_recently_used_entry_first() -> None:
    store = MemoryStore(100_000, 60)
    for number in range(100):
        store.put(f"key-{number}", b"x" * 1700)
        await store.get(["key-0"])
    left = await store.get([f"key-{number}" for number in range(100)])
    assert list(left) == ["key-0", *(f"key-{number}" for number in range(100 - 42, 100))]
    store.put("large", b"x" * 100_001)
    assert await store.get(["large"]) == {}


async def test_the_memory_of_an_entry_is_not_underestimated() -> None:
    tracemalloc.start()
    store = MemoryStore(2_000_000, 60)
    before = tracemalloc.get_traced_memory()[0]
    for number in range(20_000):
        store.put(f"{number:048}", b"%d" % number * 10)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert taken < 1.2 * 2_000_000


async def test_the_source_of_an_entity_is_stored(cache: Cache) -> None:
    entities = [Entity("PER", "马云", 0, 2, 0.5, "lexicon"), Entity("LOC", "杭州", 3, 5, 0.5)]

    async def recognize(_texts: Sequence[str]) -> ScheduledResult:
        return ScheduledResult([Recognition(entities, 1)], 1.0)

    await cache.results(["马云在杭州"], MODEL, recognize)
    [result] = await cache.results(["马云在杭州"], MODEL, recognize)
    assert result.cached
    assert result.recognition.entities == entities


async def test_a_request_that_is_cancelled_before_it_waits_leaves_its_computations(
    cache: Cache, recognize: CountingRecognizer
) -> None:
    recognize.go.clear()
    first = asyncio.create_task(cache.results(["a"], MODEL, recognize))
    await turns()
    both = asyncio.create_task(cache.results(["a", "b"], MODEL, recognize))
    both.cancel()
    await asyncio.sleep(0)
    second = asyncio.create_task(cache.results(["a", "c"], MODEL, recognize))
    await asyncio.sleep(0)
    second.cancel()
    first.cancel()
    await turns()
    recognize.go.set()
    await turns()
    assert recognize.completed == 0
