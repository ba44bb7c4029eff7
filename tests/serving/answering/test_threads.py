"""Where work runs: at once, in a thread, or in the thread for documents."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ner_runtime.serving.answering.threads import MAX_INLINE_CHARS, run

pytestmark = pytest.mark.anyio


def thread_name() -> str:
    return threading.current_thread().name


async def test_short_texts_are_processed_at_once() -> None:
    here = thread_name()
    assert await run(thread_name, MAX_INLINE_CHARS) == here
    assert await run(thread_name, 500, most_inline=500) == here


async def test_longer_texts_are_processed_in_a_thread() -> None:
    name = await run(thread_name, MAX_INLINE_CHARS, most_inline=500)
    assert name not in (thread_name(), "documents_0")


async def test_documents_are_processed_one_by_one() -> None:
    names = await asyncio.gather(*(run(thread_name, MAX_INLINE_CHARS + 1) for _ in range(4)))
    assert set(names) == {"documents_0"}
