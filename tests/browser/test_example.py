"""The write-up's example, click by click, on the real service with the embedded model."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.desk import EXAMPLE, EXAMPLE_ENTITIES, Desk

NEON = {"PER": "rgb(255, 77, 94)", "LOC": "rgb(0, 240, 255)", "ORG": "rgb(252, 238, 10)"}


def test_paste_press_and_see(desk: Desk) -> None:
    expect(desk.page.get_by_role("textbox", name="要侦测的中文文本")).to_be_visible()
    assert desk.page.locator("textarea").count() == 1
    desk.text.fill(EXAMPLE)
    desk.page.get_by_role("button", name="开始侦测").click()
    desk.page.locator("mark").first.wait_for()
    desk.settle()

    assert desk.marks() == EXAMPLE_ENTITIES
    assert {type_: desk.count(type_) for type_ in NEON} == {"PER": 1, "LOC": 1, "ORG": 2}
    for type_, color in NEON.items():
        expect(desk.page.locator(f"mark[data-type={type_}]").first).to_have_css("color", color)
    assert desk.page.locator("#output").inner_text() == EXAMPLE


def test_the_instruments_tell_of_the_model_and_of_the_call(desk: Desk) -> None:
    desk.write(EXAMPLE).detect()
    for name in ("name", "version", "precision", "engine", "workers"):
        assert desk.page.locator(f"[data-model={name}]").inner_text() not in ("", "—")
    for name in ("trip", "total", "queue", "inference", "speed", "cached"):
        assert desk.page.locator(f"[data-call={name}]").inner_text() not in ("", "—")


def test_telemetry_draws_what_the_metrics_say(desk: Desk) -> None:
    desk.write(EXAMPLE).detect()
    desk.page.wait_for_timeout(2500)
    desk.write(EXAMPLE + EXAMPLE).detect()
    rate = desk.page.locator("[data-dial=qps]")
    expect(rate).not_to_have_text("—", timeout=10_000)
    expect(desk.page.locator("[data-dial=p50]")).to_contain_text("s", timeout=10_000)


@pytest.mark.parametrize("example", ["news", "finance", "weibo", "rare", "long"])
def test_examples_to_click(desk: Desk, example: str) -> None:
    desk.page.click(f"[data-example={example}]")
    text = desk.text.input_value()
    desk.detect()
    shown = "".join(desk.page.locator("#output .block").all_text_contents())
    assert shown == text
    assert all(text[start:end] == span for _, start, end, span in desk.marks())
