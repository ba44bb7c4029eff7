"""The benchmark of the service: its client, the applications it compares with, and its tables."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Generator
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from benchmarks.serving.apps import NoPipeline, Pool
from benchmarks.serving.client import Responses, closed_loop, one_by_one, open_loop, steady
from benchmarks.serving.ladder import Figures, ladder_of
from benchmarks.serving.parts import PARTS, Row, compared, overloaded
from benchmarks.serving.report import draw, tables, write_to_page
from benchmarks.serving.services import Contender, app, batch_bodies, bodies, repeated_bodies
from tests.support.models.checkpoints import write_checkpoint

BODY = b'{"text": "x"}'


@pytest.fixture(scope="module")
def constant() -> Generator[Contender]:
    with app("constant", "constant", Path()) as running:
        yield running


def test_closed_loop(constant: Contender) -> None:
    found = closed_loop(constant.port, repeat(BODY), clients=3, seconds=0.5)
    assert found.statuses.keys() == {200}
    assert found.total > found.statuses[200]
    assert found.ok_per_s > 10
    assert 0 < found.percentile_ms(0.5) <= found.percentile_ms(0.99)


def test_open_loop_sends_at_its_rate(constant: Contender) -> None:
    found = open_loop(constant.port, repeat(BODY), rate=100, seconds=1)
    assert 60 < found.statuses[200] < 140
    assert found.unanswered == 0
    assert found.good_per_s(60) == pytest.approx(found.ok_per_s, rel=0.1)


def test_one_by_one_and_other_paths(constant: Contender) -> None:
    assert one_by_one(constant.port, [BODY] * 3).statuses == {200: 3}
    assert closed_loop(constant.port, repeat(BODY), 1, 0.2, path="/none").statuses.keys() == {404}


def test_figures_of_a_load() -> None:
    found = Responses(2.0, {200: [0.1, 0.2, 3.0, 0.1], 429: [0.01]})
    assert (found.ok_per_s, found.good_per_s(1.0), found.percentile_ms(0.99)) == (2.0, 1.5, 3000)
    assert found.percentile_ms(0.5, 503) != found.percentile_ms(0.5, 503)


def test_the_queue_that_is_left_when_the_sending_ends_is_not_goodput() -> None:
    found = Responses(2.0, {200: [0.1, 0.2, 3.0, 0.8, 5.0]}, drained=[0.8, 5.0])
    assert found.good_per_s(1.0) == 1.0


def test_responses_to_the_first_requests_of_an_open_loop_are_not_measured(constant: Contender) -> None:
    all_of_them = open_loop(constant.port, repeat(BODY), rate=200, seconds=0.5)
    measured = open_loop(constant.port, repeat(BODY), rate=200, seconds=0.5, warm_s=0.5)
    assert measured.seconds >= 0.4
    assert measured.total == pytest.approx(all_of_them.total, rel=0.5)
    assert measured.statuses[200] > 0


def test_goodput_is_compared_with_the_capacity() -> None:
    statuses = {200: [0.1, 0.2, 3.0, 0.8], 429: [0.01] * 6, 500: [0.1]}
    over = Responses(2.0, statuses, total=12, drained=[0.8], unanswered=1, client_cpu_s=0.5)
    found = overloaded(over, capacity=2.0, goal_s=1.0)
    assert (found["goodput_per_s"], found["goodput_of_capacity"]) == (1.0, 0.5)
    assert (found["offered_per_s"], found["refusal_p99_ms"], found["generator_cpus"]) == (6, 10, 0.25)
    assert found["failures"] == 2
    none_refused = overloaded(Responses(1.0, {200: [0.1]}), capacity=2.0, goal_s=1.0)
    assert none_refused["refusal_p99_ms"] is None


def test_texts_never_repeat_unless_they_should() -> None:
    source = bodies()
    sent = [json.loads(next(source))["text"] for _ in range(200)]
    assert len(set(sent)) == 200
    assert {len(text) for text in sent} == {45}
    assert not set("".join(sent)) & set("（）“”《》")
    assert len(json.loads(next(bodies(100_000)))["text"]) == 100_000
    assert len(json.loads(next(batch_bodies(64)))["texts"]) == 64
    again = repeated_bodies(2)
    assert len({next(again) for _ in range(9)}) == 2


def test_the_pool_raises_when_no_pipeline_is_free() -> None:
    pool = Pool([str])
    with pool.pipeline() as pipeline:
        assert pipeline is str
        with pytest.raises(NoPipeline), pool.pipeline():
            pass
    with pool.pipeline():
        pass


@pytest.mark.parity
def test_the_variant_finds_what_the_design_finds(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    answers: list[Any] = []
    for factory in ("design", "variant"):
        with app(factory, factory, checkpoint) as running:
            request = urllib.request.Request(
                f"http://127.0.0.1:{running.port}/ner", json.dumps({"text": "马云在杭州出席会议。"}).encode()
            )
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                found = json.load(response)["data"]
            answers.append([(item["type"], item["start"], item["end"]) for item in found])
    assert answers[0] == answers[1]


def test_rungs_are_compared_with_the_engine_right_before_and_after() -> None:
    # The host is half as fast in the second round.
    figures = {
        "engine, batches of 1": [Figures(50.0, 20.0, 100.0), Figures(25.0, 40.0, 50.0), Figures(50.0, 20.0, 100.0)],
        "POST /ner": [Figures(90.0, 12.0, 100.0), Figures(45.0, 24.0, 50.0), Figures(45.0, 24.0, 48.0)],
    }
    assert [rung.of_engine for rung in ladder_of(figures)] == [0.5, 0.9]
    assert ladder_of(figures)[1].per_s == 45.0


def test_contenders_are_compared_with_the_design_right_before_and_after() -> None:
    service, design = (Row(**row(name, rate)) for name, rate in (("INT8", 90.0), ("replaced design", 1.0)))
    assert compared(service, design, replace(design, per_s=2.0)).times_design == 60.0
    failing = replace(design, per_s=0.0)
    assert compared(service, failing, failing).times_design is None


@pytest.mark.anyio
async def test_the_measured_time_begins_when_each_client_has_had_a_response() -> None:
    gate, sent = asyncio.Event(), 0

    async def quick() -> int:
        nonlocal sent
        sent += 1
        if sent == 50:
            gate.set()
        await asyncio.sleep(0)
        return 200

    async def slow() -> int:
        await gate.wait()
        await asyncio.sleep(0)
        return 429

    found = await steady([quick, slow], 0.0)
    assert found.statuses[429] > 0
    assert found.statuses[200] > 0
    assert found.total - found.statuses.total() >= 50


@pytest.mark.anyio
async def test_the_measured_time_lasts_until_each_client_has_had_another_response() -> None:
    sent = {"slow": 0}

    async def quick() -> int:
        await asyncio.sleep(0)
        return 200

    async def slow() -> int:
        sent["slow"] += 1
        for _ in range(100):
            await asyncio.sleep(0)
        return 429

    found = await steady([quick, slow], 0.0)
    # The first response of each client is not measured.
    assert (sent["slow"], found.statuses[429]) == (2, 1)
    assert found.statuses[200] > 50
    assert found.seconds > 0


def row(contender: str, per_s: float) -> dict[str, Any]:
    figures = {"p50_ms": 1.0, "p99_ms": 2.0, "cpu_ms": 3.0, "cpus": 1.0, "mib": 400.0, "failures": 0}
    return {"contender": contender, "clients": 16, "per_s": per_s, "times_design": per_s / 2, **figures}


RESULTS: dict[str, Any] = {
    "compare": [row("replaced design", 2.0), row("INT8, a, 1 worker", 50.0), row("INT8, a, 2 workers", 90.0)],
    "sustained": {"rate": 1.6, "rows": {"replaced design": {"p50_ms": 900.0, "p99_ms": 2000.0, "requests": 40}}},
    "ladder": {"base": [{"name": "engine, batches of 8", "per_s": 70.0, "cpu_ms": 14.0, "of_engine": 1.0}]},
    "overload": {
        "embedded": {
            "max_concurrency": 64,
            "goal_s": 2.0,
            "capacity_per_s": 400.0,
            "offered_per_s": 1200.0,
            "goodput_per_s": 380.0,
            "goodput_of_capacity": 0.95,
            "refusal_p50_ms": 2.0,
            "refusal_p99_ms": 15.0,
            "generator_cpus": 0.4,
            "failures": 0,
        }
    },
    "length": [{"chars": 1000, "requests": 90, "ms_per_1000": 30.0, "cpu_ms_per_1000": 29.0, "relative": 1.05}],
    "memory": {"1": 400.0, "2": 700.0, "4": 1300.0},
    "cache": {"per_s": 1000.0, "per_cpu_s": 1200.0},
}


@pytest.fixture
def results() -> dict[str, Any]:
    parts = {name: {"date": "2026-01-01", "quick": True, "result": result} for name, result in RESULTS.items()}
    return {"machine": {"processor": "one", "CPUs": 2}, "parts": parts}


def test_tables_have_every_part(results: dict[str, Any]) -> None:
    assert RESULTS.keys() == PARTS.keys()
    text = tables(results)
    assert "| INT8, a, 2 workers | 16 | 90 | 45 |" in text
    assert "within 2 seconds" in text
    assert "| embedded | 64 | 400 | 1,200 | 380 | 0.95 |" in text
    assert "| 1,000 | 90 | 30 | 29 | 1.05 |" in text
    # Instances beyond the measured ones are extrapolated, and the arithmetic is shown.
    assert "| 2 | 90 | measured | 700 | measured |" in text
    assert "| 8 | 360 | 8 × 45.0, half of two, on 8 cores | 2,500 | 1300 + 4 × 300 |" in text


def test_some_parts_are_enough(results: dict[str, Any]) -> None:
    results["parts"] = {"cache": results["parts"]["cache"]}
    assert "1,200" in tables(results)


def test_the_page_gets_the_tables_between_its_markers(results: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench-serving -->\nold\n<!-- /bench-serving -->\nafter\n")
    write_to_page(page, results)
    once = page.read_text()
    assert "old" not in once
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    write_to_page(page, results)
    assert page.read_text() == once
    page.write_text("no markers")
    with pytest.raises(ValueError, match="no markers"):
        write_to_page(page, results)


def test_the_picture_is_drawn(results: dict[str, Any], tmp_path: Path) -> None:
    nothing_to_draw = {**results, "parts": {"cache": results["parts"]["cache"]}}
    draw(nothing_to_draw, tmp_path / "serving.png")
    assert not (tmp_path / "serving.png").exists()
    draw(results, tmp_path / "serving.png")
    assert (tmp_path / "serving.png").read_bytes().startswith(b"\x89PNG")
