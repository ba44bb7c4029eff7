"""The README's example on the real service with the embedded model."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.web_page import EXAMPLE, EXAMPLE_ENTITIES, WebPage

NEON = {"PER": "rgb(255, 77, 94)", "LOC": "rgb(0, 240, 255)", "ORG": "rgb(252, 238, 10)"}


def test_paste_press_and_see(ui: WebPage) -> None:
    expect(ui.page.get_by_role("textbox", name="要侦测的中文文本")).to_be_visible()
    assert ui.page.locator("textarea").count() == 1
    ui.text.fill(EXAMPLE)
    ui.page.get_by_role("button", name="开始侦测").click()
    ui.page.locator("mark").first.wait_for()
    ui.settle()

    assert ui.marks() == EXAMPLE_ENTITIES
    assert {type_: ui.count(type_) for type_ in NEON} == {"PER": 1, "LOC": 1, "ORG": 2}
    for type_, color in NEON.items():
        expect(ui.page.locator(f"mark[data-type={type_}]").first).to_have_css("color", color)
    assert ui.page.locator("#output").inner_text() == EXAMPLE


def test_the_page_describes_the_model_and_the_call(ui: WebPage) -> None:
    ui.write(EXAMPLE).detect()
    for name in ("name", "version", "precision", "engine", "workers"):
        assert ui.page.locator(f"[data-model={name}]").inner_text() not in ("", "—")
    for name in ("trip", "total", "queue", "inference", "speed", "cached"):
        assert ui.page.locator(f"[data-call={name}]").inner_text() not in ("", "—")


def test_telemetry_draws_the_metrics(ui: WebPage) -> None:
    with ui.page.expect_response("**/metrics"):
        ui.write(EXAMPLE).detect()
    # Rates need a reading before and after a detection.
    with ui.page.expect_response("**/metrics"):
        ui.write(EXAMPLE + EXAMPLE).detect()
    rate = ui.page.locator("[data-dial=qps]")
    expect(rate).not_to_have_text("—", timeout=10_000)
    expect(ui.page.locator("[data-dial=p50]")).to_contain_text("s", timeout=10_000)


@pytest.mark.parametrize("example", ["news", "finance", "weibo", "rare", "long"])
def test_examples_to_click(ui: WebPage, example: str) -> None:
    ui.page.click(f"[data-example={example}]")
    text = ui.text.input_value()
    ui.detect()
    shown = "".join(ui.page.locator("#output .block").all_text_contents())
    assert shown == text
    assert all(text[start:end] == span for _, start, end, span in ui.marks())
