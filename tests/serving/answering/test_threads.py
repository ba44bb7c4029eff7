"""Where work runs: at once, in a thread, or in the thread for documents."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from ner_runtime.serving.answering.threads import MAX_INLINE_CHARS, run, run_for_document

pytestmark = pytest.mark.anyio


def thread_and_interval() -> tuple[str, float]:
    return threading.current_thread().name, sys.getswitchinterval()


async def test_short_texts_are_processed_at_once() -> None:
    here = thread_and_interval()
    assert await run(thread_and_interval, MAX_INLINE_CHARS) == here
    assert await run(thread_and_interval, 500, most_inline=500) == here


async def test_longer_texts_are_processed_in_a_thread() -> None:
    here, interval = thread_and_interval()
    name, interval_there = await run(thread_and_interval, MAX_INLINE_CHARS, most_inline=500)
    assert name not in (here, "documents_0")
    assert interval_there == interval


async def test_documents_are_processed_one_by_one_and_give_way_to_short_texts() -> None:
    interval = sys.getswitchinterval()
    found = await asyncio.gather(*(run(thread_and_interval, MAX_INLINE_CHARS + 1) for _ in range(4)))
    assert {name for name, _ in found} == {"documents_0"}
    assert max(there for _, there in found) < interval / 10
    assert sys.getswitchinterval() == interval


async def test_an_error_of_a_document_does_not_change_the_switch_interval() -> None:
    def fail() -> None:
        raise ValueError("bad document")

    interval = sys.getswitchinterval()
    with pytest.raises(ValueError, match="bad document"):
        await run_for_document(fail)
    assert sys.getswitchinterval() == interval
