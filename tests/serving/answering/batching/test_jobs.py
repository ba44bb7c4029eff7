"""Which windows run together, and what their jobs get."""

from __future__ import annotations

import asyncio
from collections import deque

import numpy as np
import pytest

from ner_runtime.inference.spans import Span
from ner_runtime.inference.windows.encoded import EncodedWindow
from ner_runtime.manifest import SPECIAL
from ner_runtime.serving.answering.batching.jobs import Batch, Job, deliver, next_batch

pytestmark = pytest.mark.anyio


def job(*lengths: int) -> Job:
    """A job with windows of these numbers of tokens."""
    pieces = [np.zeros(length - SPECIAL, np.int64) for length in lengths]
    windows = [EncodedWindow(ids, np.arange(len(ids))) for ids in pieces]
    return Job(windows, asyncio.get_running_loop().create_future())


def tokens(batch: Batch | None) -> list[int]:
    return [] if batch is None else [window.tokens for window in batch.windows]


async def test_each_job_gives_its_shortest_window_in_turn() -> None:
    waiting = deque([job(9, 3, 6), job(4, 2)])
    assert tokens(next_batch(waiting, 14)) == [3, 2, 6]
    assert tokens(next_batch(waiting, 14)) == [4, 9]
    assert next_batch(waiting, 14) is None


async def test_a_window_that_exceeds_the_budget_runs_alone() -> None:
    waiting = deque([job(50), job(3)])
    assert [tokens(next_batch(waiting, 10)) for _ in range(2)] == [[50], [3]]


async def test_a_cancelled_job_gives_no_windows() -> None:
    cancelled, other = job(5, 5), job(7)
    cancelled.done.cancel()
    assert cancelled.waiting_tokens == 0
    assert tokens(next_batch(deque([cancelled, other]), 100)) == [7]


async def test_a_batch_is_shared_if_its_windows_come_from_several_jobs() -> None:
    one, two = next_batch(deque([job(3, 3)]), 100), next_batch(deque([job(3), job(3)]), 100)
    assert one is not None
    assert two is not None
    assert (one.is_shared, two.is_shared) == (False, True)
    assert (one.tokens, two.tokens) == (6, 6)


async def test_a_job_is_done_with_its_last_window_and_has_the_spans_in_order() -> None:
    document = job(8, 4)
    waiting = deque([document])
    short, long = next_batch(waiting, 4), next_batch(waiting, 8)
    assert short is not None
    assert long is not None
    first, second = Span("PER", 0, 2, 0.5), Span("LOC", 3, 5, 0.5)
    deliver(short, [[second]])
    assert not document.done.done()
    deliver(long, [[first]])
    await document.done
    assert document.spans == [[first], [second]]


async def test_an_error_ends_every_job_of_the_batch_that_still_waits() -> None:
    gone, waiting = job(3), job(3)
    batch = next_batch(deque([gone, waiting]), 100)
    assert batch is not None
    gone.done.cancel()
    deliver(batch, ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        await waiting.done
    assert gone.done.cancelled()
