"""The cache over a reader that counts: what is read once, what is shared, and who pays when somebody leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ner_runtime.entities import Entity
from ner_runtime.recognizer import Recognition
from ner_runtime.serving.answering.cache import Cache, Found, model_identity, text_key
from ner_runtime.serving.answering.scheduler import Read
from ner_runtime.serving.answering.stores import MemoryStore

MODEL, OTHER = b"m" * 32, b"o" * 32


class Counting:
    """Reads a text as one entity that covers it, in its own time, and keeps what it was asked for."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.asked: list[str] = []
        self.finished = 0

    async def __call__(self, texts: Sequence[str]) -> Read:
        self.asked += texts
        await asyncio.sleep(self.seconds)
        self.finished += 1
        if "bad" in texts:
            raise ValueError("bad")
        found = [Recognition([Entity("PER", text, 0, len(text), 0.5)], 1) for text in texts]
        return Read(found, 1.0)


def spans(found: Sequence[Found]) -> list[str]:
    return [one.recognition.entities[0].span for one in found]


def cache() -> Cache:
    return Cache(MemoryStore(1_000_000, 60))


def test_a_text_is_read_once_and_found_as_it_was() -> None:
    async def asked() -> None:
        texts, read = cache(), Counting()
        [first] = await texts.find(["马云"], MODEL, read)
        [second] = await texts.find(["马云"], MODEL, read)
        assert (first.cached, second.cached) == (False, True)
        assert first.recognition == second.recognition
        assert read.asked == ["马云"]

    asyncio.run(asked())


def test_only_what_is_missing_is_read_each_text_once_and_all_come_back_in_order() -> None:
    async def asked() -> None:
        texts, read = cache(), Counting()
        await texts.find(["b"], MODEL, read)
        found = await texts.find(["a", "b", "\ud800", "a"], MODEL, read)
        assert spans(found) == ["a", "b", "\ud800", "a"]
        assert [one.cached for one in found] == [False, True, False, False]
        assert read.asked == ["b", "a", "\ud800"]
        assert await texts.find([], MODEL, read) == []

    asyncio.run(asked())


@pytest.mark.parametrize("store", [MemoryStore(1_000_000, 60), None])
def test_those_who_ask_at_once_share_one_reading(store: MemoryStore | None) -> None:
    async def asked() -> None:
        texts, read = Cache(store), Counting(0.05)
        await asyncio.gather(*(texts.find(["a"], MODEL, read) for _ in range(200)))
        await texts.find(["a", "c"], MODEL, read) if store else None
        both = asyncio.gather(texts.find(["d", "e"], MODEL, read), texts.find(["e", "f"], MODEL, read))
        assert [spans(found) for found in await both] == [["d", "e"], ["e", "f"]]
        assert sorted(read.asked) == (["a", "c", "d", "e", "f"] if store else ["a", "d", "e", "f"])

    asyncio.run(asked())


def test_models_never_share() -> None:
    async def asked() -> None:
        texts, read = cache(), Counting()
        await texts.find(["a"], MODEL, read)
        [found] = await texts.find(["a"], OTHER, read)
        assert not found.cached

    asyncio.run(asked())


def test_an_error_reaches_all_who_wait_and_is_not_kept() -> None:
    async def asked() -> None:
        texts, read = cache(), Counting(0.01)
        got = await asyncio.gather(*(texts.find(["bad"], MODEL, read) for _ in range(5)), return_exceptions=True)
        assert [type(error) for error in got] == [ValueError] * 5
        with pytest.raises(ValueError, match="bad"):
            await texts.find(["bad"], MODEL, read)
        assert read.asked == ["bad", "bad"]

    asyncio.run(asked())


def test_who_leaves_does_not_take_the_reading_from_the_others() -> None:
    async def asked() -> None:
        texts, read = cache(), Counting(0.05)
        first = asyncio.create_task(texts.find(["a"], MODEL, read))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(texts.find(["a", "b"], MODEL, read))
        await asyncio.sleep(0.01)
        first.cancel()
        assert spans(await second) == ["a", "b"]
        assert read.asked == ["a", "b"]

    asyncio.run(asked())


def test_when_the_last_one_leaves_the_reading_ends_and_the_next_one_begins_anew() -> None:
    async def asked() -> None:
        texts, read = cache(), Counting(0.05)
        first = asyncio.create_task(texts.find(["a"], MODEL, read))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert spans(await texts.find(["a"], MODEL, read)) == ["a"]
        assert (read.asked, read.finished) == (["a", "a"], 1)

    asyncio.run(asked())


def test_neither_key_nor_value_holds_a_word_of_the_text() -> None:
    async def asked() -> None:
        kept: dict[str, bytes] = {}

        class Open(MemoryStore):
            def put(self, key: str, value: bytes) -> None:
                kept[key] = value

        await Cache(Open(1000, 60)).find(["secret"], MODEL, Counting())
        [(key, value)] = kept.items()
        assert key == text_key(MODEL, "secret")
        assert "secret" not in key
        assert value == b'[1,[["PER",0,6,0.5]]]'

    asyncio.run(asked())


@pytest.mark.parametrize("value", [b"", b"\xff", b"{}", b"[1]", b'[1,[["PER"]]]', b'[1,[["PER","a","b",1]]]'])
def test_what_is_not_ours_counts_as_not_there(value: bytes) -> None:
    async def asked() -> None:
        store, read = MemoryStore(1000, 60), Counting()
        store.put(text_key(MODEL, "a"), value)
        [found] = await Cache(store).find(["a"], MODEL, read)
        assert not found.cached

    asyncio.run(asked())


def test_a_model_is_known_by_its_files_and_how_it_reads(recognizer: object) -> None:
    manifest = recognizer.manifest  # type: ignore[attr-defined]
    changed = manifest.model_copy(update={"files": {**manifest.files, "vocab.txt": "0" * 64}})
    otherwise = manifest.model_copy(update={"by_sentence": False})
    identities = {
        model_identity(manifest, "onnxruntime"),
        model_identity(manifest, "openvino"),
        model_identity(changed, "onnxruntime"),
        model_identity(otherwise, "onnxruntime"),
    }
    assert len(identities) == 4
