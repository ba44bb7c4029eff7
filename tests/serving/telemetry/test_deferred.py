from __future__ import annotations

import asyncio
import logging

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from ner_runtime.serving.telemetry import deferred
from ner_runtime.serving.telemetry.deferred import MAX_WAITING, Deferred
from ner_runtime.serving.telemetry.logs import REQUEST_ID

pytestmark = pytest.mark.anyio


async def test_calls_are_made_together_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred, "DELAY_S", 0)
    calls, made = Deferred(), list[int]()
    for number in range(3):
        calls.call(made.append, number)
    assert made == []
    while not made:
        await asyncio.sleep(0)
    assert made == [0, 1, 2]


async def test_calls_are_made_again_after_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred, "DELAY_S", 0)
    calls, made = Deferred(), list[int]()
    for number in range(2):
        calls.call(made.append, number)
        while len(made) == number:
            await asyncio.sleep(0)
    assert made == [0, 1]


async def test_a_call_does_not_see_the_request_that_was_handled_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred, "DELAY_S", 0)
    calls, seen = Deferred(), list[str]()
    token = REQUEST_ID.set("abc")
    calls.call(lambda: seen.append(REQUEST_ID.get()))
    while not seen:
        await asyncio.sleep(0)
    REQUEST_ID.reset(token)
    assert seen == [""]


async def test_no_more_than_a_fixed_number_waits() -> None:
    calls, made = Deferred(), list[int]()
    for number in range(MAX_WAITING):
        calls.call(made.append, number)
    assert len(made) == MAX_WAITING


async def test_flushing_makes_the_waiting_calls_once() -> None:
    calls, made = Deferred(), list[int]()
    calls.call(made.append, 1)
    calls.flush()
    calls.flush()
    assert made == [1]


async def test_increments_of_a_counter_are_added_up_and_the_latest_value_of_a_gauge_counts() -> None:
    calls, registry = Deferred(), CollectorRegistry()
    counter, gauge = Counter("a", "", registry=registry), Gauge("b", "", registry=registry)
    for number in (1, 2, 3):
        calls.count(counter, number)
        calls.set(gauge, number)
    assert (registry.get_sample_value("a_total"), registry.get_sample_value("b")) == (0, 0)
    calls.flush()
    calls.flush()
    assert (registry.get_sample_value("a_total"), registry.get_sample_value("b")) == (6, 3)


async def test_increments_and_values_are_recorded_without_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred, "DELAY_S", 0)
    calls, registry = Deferred(), CollectorRegistry()
    calls.count(Counter("a", "", registry=registry))
    while registry.get_sample_value("a_total") == 0:
        await asyncio.sleep(0)
    calls.set(Gauge("b", "", registry=registry), 5)
    while registry.get_sample_value("b") == 0:
        await asyncio.sleep(0)
    assert (registry.get_sample_value("a_total"), registry.get_sample_value("b")) == (1, 5)


async def test_what_a_call_counts_is_counted_with_it_and_needs_no_timer() -> None:
    calls, registry = Deferred(), CollectorRegistry()
    calls.call(calls.count, Counter("a", "", registry=registry))
    calls.flush()
    assert registry.get_sample_value("a_total") == 1
    assert calls._timer is None


async def test_a_call_made_by_a_call_is_made_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred, "DELAY_S", 0)
    calls, made = Deferred(), list[int]()
    calls.call(calls.call, made.append, 1)
    while not made:
        await asyncio.sleep(0)
    assert made == [1]


async def test_a_call_that_fails_does_not_prevent_the_others(caplog: pytest.LogCaptureFixture) -> None:
    calls, made = Deferred(), list[int]()

    def fail() -> None:
        raise ValueError

    calls.call(fail)
    calls.call(made.append, 1)
    with caplog.at_level(logging.ERROR):
        calls.flush()
    assert made == [1]
    assert [record.message for record in caplog.records] == ["unexpected error"]


async def test_a_counter_that_fails_does_not_prevent_the_others(caplog: pytest.LogCaptureFixture) -> None:
    calls, registry = Deferred(), CollectorRegistry()
    calls.count(Counter("without_a_label", "", ["label"], registry=registry))
    calls.count(Counter("b", "", registry=registry))
    with caplog.at_level(logging.ERROR):
        calls.flush()
    assert registry.get_sample_value("b_total") == 1
    assert [record.message for record in caplog.records] == ["unexpected error"]


def test_calls_of_a_new_event_loop_do_not_wait_for_an_ended_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred, "DELAY_S", 0.001)
    calls, made = Deferred(), list[int]()

    async def leave() -> None:
        calls.call(made.append, 1)

    async def wait() -> None:
        calls.call(made.append, 2)
        while len(made) < 2:
            await asyncio.sleep(0)

    asyncio.run(leave())
    asyncio.run(wait())
    assert made == [1, 2]
