"""Lanes with the real model: who is read when, and that nothing is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ner_runtime import Recognizer
from ner_runtime.inference.spans import Span
from ner_runtime.recognizer import EncodedWindow
from ner_runtime.serving.answering.scheduler import Lane, Pace, Reader

SENTENCE = "昨天，记者在杭州见到了他。"
DOCUMENT = SENTENCE * 400


class Watched(Recognizer):
    """The real recognizer, which notes how many tokens each batch it is given has."""

    @classmethod
    def of(cls, recognizer: Recognizer) -> Watched:
        watched = cls.__new__(cls)
        watched.__dict__.update(recognizer.__dict__)
        # Long windows, of which few go into a turn.
        watched.manifest = recognizer.manifest.model_copy(update={"by_sentence": False})
        watched.batches = []
        return watched

    batches: list[list[int]]

    def decode(self, encoded: Sequence[EncodedWindow]) -> list[list[Span]]:
        self.batches.append([window.tokens for window in encoded])
        return super().decode(encoded)


@pytest.fixture
def watched(recognizer: Recognizer) -> Watched:
    return Watched.of(recognizer)


def test_what_is_read_in_company_is_what_is_read_alone(recognizer: Recognizer) -> None:
    texts = [SENTENCE, DOCUMENT, "", "马云", DOCUMENT[:600]]
    alone = recognizer.read(texts)

    async def read() -> list[list[object]]:
        reader = Reader(recognizer, 2048)
        found = await asyncio.gather(*(reader.read([text]) for text in texts), reader.read(texts))
        return [list(answer.recognitions) for answer in found]

    *one_by_one, together = asyncio.run(read())
    spans = [[(e.type, e.start, e.end) for e in recognition.entities] for recognition in alone]
    for found in ([answer[0] for answer in one_by_one], together):
        assert [[(e.type, e.start, e.end) for e in one.entities] for one in found] == spans  # type: ignore[attr-defined]


def test_a_turn_keeps_to_the_budget_and_takes_one_window_of_each_in_turn(watched: Watched) -> None:
    budget = 2 * (watched.window + 2)

    async def read() -> int:
        lane = Lane(watched, budget, "test")
        longer, shorter = (asyncio.ensure_future(lane.read([watched.encode(text)])) for text in texts)
        await shorter
        turns = len(watched.batches)
        assert not longer.done()
        await longer
        return turns

    texts = (DOCUMENT, DOCUMENT[: len(DOCUMENT) // 3])
    turns = asyncio.run(read())
    assert all(sum(batch) <= budget for batch in watched.batches)
    windows = [len(watched.encode(text).windows) for text in texts]
    assert sum(map(len, watched.batches)) == sum(windows)
    # One window of each a turn, so that the shorter one takes as many turns as it has windows, or a few less.
    assert windows[1] // 2 <= turns <= windows[1] + 1


def test_short_texts_share_a_batch_while_another_is_read(watched: Watched) -> None:
    async def read() -> None:
        lane = Lane(watched, 2048, "test")
        await asyncio.gather(*(lane.read([watched.encode(SENTENCE)]) for _ in range(20)))

    asyncio.run(read())
    assert max(map(len, watched.batches)) > 10


def test_a_short_text_overtakes_a_document(recognizer: Recognizer) -> None:
    async def read() -> list[str]:
        reader = Reader(recognizer, 2048)
        finished: list[str] = []

        async def one(name: str, text: str) -> None:
            await reader.read([text])
            finished.append(name)

        await asyncio.gather(one("document", DOCUMENT * 3), one("short", SENTENCE))
        return finished

    assert asyncio.run(read()) == ["short", "document"]


def test_a_few_sentences_are_a_short_text_too(recognizer: Recognizer) -> None:
    watched = Watched.of(recognizer)
    watched.manifest = recognizer.manifest

    async def read() -> None:
        reader = Reader(watched, 2048)
        await asyncio.gather(reader.read([DOCUMENT * 3]), reader.read([SENTENCE * 3]))

    asyncio.run(read())
    assert [len(SENTENCE) + 2] * 3 in watched.batches, "none of the document is read with them"


def test_a_job_that_is_given_up_is_not_read_to_its_end(watched: Watched) -> None:
    async def read() -> int:
        lane = Lane(watched, 512, "test")
        task = asyncio.create_task(lane.read([watched.encode(DOCUMENT * 3)]))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await lane.read([watched.encode(SENTENCE)])
        return sum(map(len, watched.batches))

    assert asyncio.run(read()) < len(watched.encode(DOCUMENT * 3).windows)


def test_an_error_reaches_those_who_wait_and_nobody_else(watched: Watched) -> None:
    async def read() -> None:
        lane = Lane(watched, 2048, "test")
        whole = watched.encode(SENTENCE)
        broken = watched.encode(SENTENCE)
        broken.encoded[0] = EncodedWindow(broken.encoded[0].ids[:0], broken.encoded[0].first)
        with pytest.raises(IndexError):
            await lane.read([broken])
        assert (await lane.read([whole])).recognitions[0].windows == 1

    asyncio.run(read())


def test_how_long_a_text_will_wait_is_told_from_what_is_there_and_the_pace_so_far(watched: Watched) -> None:
    async def read() -> tuple[float, float, float]:
        reader = Reader(watched, 2048)
        await reader.read([DOCUMENT])
        idle = reader.seconds_until_read([DOCUMENT])
        tasks = [asyncio.create_task(reader.read([DOCUMENT])) for _ in range(4)]
        # They are cut in threads of their own first.
        async with asyncio.timeout(10):
            while not (behind := reader.seconds_until_read([DOCUMENT])):
                await asyncio.sleep(0.001)
        short = reader.seconds_until_read([SENTENCE])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return idle, behind, short

    idle, behind, short = asyncio.run(read())
    assert idle == short == 0
    assert behind > 0


def test_the_pace_is_that_of_the_last_batches() -> None:
    pace = Pace()
    assert pace.seconds(1000) == 0
    pace.note(1000, 1.0)
    assert pace.seconds(2000) == pytest.approx(2.0)
    for _ in range(50):
        pace.note(1000, 0.1)
    assert pace.seconds(1000) == pytest.approx(0.1, rel=0.1)
