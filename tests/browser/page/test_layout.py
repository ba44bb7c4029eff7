"""The layout at every screen width: nothing cut, overlapping, orphaned or misaligned, and controls large enough."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.web_page import APPEARANCES, Found, WebPage

WIDTHS = {360: 780, 768: 1024, 1024: 768, 1280: 900, 1920: 1080, 2560: 1440}
TYPES = ["PER", "LOC", "ORG", "TIME", "TITLE", "MONEY"]
NAMES = [chr(0x4E00 + 7 * number) + chr(0x5000 + 11 * number) for number in range(420)]
TEXT = "，\n".join("".join(f"{name}说。" for name in NAMES[start : start + 10]) for start in range(0, len(NAMES), 10))

GRIDS = ["#legend", "#figures", "#call", "#exports", "#dials"]
MEASURE = (Path(__file__).parent / "measure_layout.js").read_text()


def fill(ui: WebPage) -> None:
    """A text with 420 different entities, and one of each type."""
    found: list[Found] = [("PER", match.start() - 2, match.start()) for match in re.finditer("说", TEXT)]
    found += [(type_, len(TEXT) + index, len(TEXT) + index + 1) for index, type_ in enumerate(TYPES)]
    ui.page.route("**/ner", lambda route: route.fulfill(json=_response(found)))
    ui.write(TEXT + "人地机时职钱").detect()


def _response(found: list[Found]) -> dict[str, Any]:
    data = [
        {"type": type_, "span": "", "start_offset": start, "end_offset": end, "score": 0.9, "color": ""}
        for type_, start, end in found
    ]
    timings = {"total": 1234.5, "queue": 12.3, "inference": 1222.2}
    return {"success": True, "data": data, "meta": {"timings_ms": timings, "cached": False}}


def overlaps(a: dict[str, float], b: dict[str, float]) -> bool:
    return (
        min(a["right"], b["right"]) - max(a["left"], b["left"]) > 1
        and min(a["bottom"], b["bottom"]) - max(a["top"], b["top"]) > 1
    )


def rows(cells: list[dict[str, float]]) -> list[list[dict[str, float]]]:
    by_top: dict[int, list[dict[str, float]]] = {}
    for cell in cells:
        by_top.setdefault(round(cell["top"]), []).append(cell)
    return list(by_top.values())


@pytest.mark.parametrize(("language", "theme"), APPEARANCES)
@pytest.mark.parametrize("width", WIDTHS)
def test_boxes(ui: WebPage, width: int, language: str, theme: str) -> None:
    ui.page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    if theme == "light":
        ui.page.locator("#theme").click()
    if language == "en":
        ui.page.locator("#language").click()
    fill(ui)
    measured = ui.page.evaluate(MEASURE, GRIDS)

    assert measured["scrollWidth"] <= width
    assert measured["overflowing"] == []
    assert measured["outside"] == []
    panels = measured["panels"]
    assert len(panels) == 7
    assert not [(a["name"], b["name"]) for a in panels for b in panels if a is not b and overlaps(a, b)]

    # Headings of panels side by side are on one line; every heading starts at its panel's left edge.
    by_top = {round(panel["top"]): [] for panel in panels}
    for panel, heading in zip(panels, measured["headings"], strict=True):
        by_top[round(panel["top"])].append(heading["top"])
    assert all(max(tops) - min(tops) <= 1 for tops in by_top.values())
    insets = [heading["left"] - panel["left"] for panel, heading in zip(panels, measured["headings"], strict=True)]
    assert max(insets) - min(insets) <= 1

    for name, cells in measured["grids"].items():
        for row in rows(cells):
            assert max(cell["height"] for cell in row) - min(cell["height"] for cell in row) <= 1, name
            alone = len(row) == 1 and len(cells) > 1
            assert not alone or row[0]["width"] >= cells[0]["width"] * 1.9, f"{name} has an orphan"

    least = 44 if width < 768 else 24
    small = [
        (control["name"], control["height"]) for control in measured["controls"] if control["height"] < least - 0.01
    ]
    assert small == []


@pytest.mark.parametrize("width", [1920, 2560])
def test_wide_screens_show_the_lists(ui: WebPage, width: int) -> None:
    ui.page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    fill(ui)
    visible = ui.page.evaluate(
        """() => {
            const area = document.querySelector('.table-scroll').getBoundingClientRect();
            return [...document.querySelectorAll('#table-body tr')].filter((row) => {
                const { top, bottom } = row.getBoundingClientRect();
                return top >= area.top && bottom <= Math.min(area.bottom, innerHeight);
            }).length;
        }"""
    )
    assert visible >= 12
    history, telemetry = (
        ui.page.locator(f".{name}-panel").evaluate("(panel) => panel.getBoundingClientRect().height")
        for name in ("history", "telemetry")
    )
    assert history > telemetry


def test_the_button_keeps_its_line_while_running_on_a_phone(ui: WebPage) -> None:
    ui.page.set_viewport_size({"width": 360, "height": 780})
    for language in ("zh", "en"):
        ui.hold()
        ui.write(f"马云在杭州 {language}").button.click()
        ui.page.locator("#cancel").wait_for()
        height = ui.page.locator("#detect span").evaluate("(label) => label.getClientRects().length")
        assert height == 1
        button, cancel = (ui.page.locator(name).bounding_box() for name in ("#detect", "#cancel"))
        assert button is not None
        assert cancel is not None
        assert abs(button["y"] + button["height"] / 2 - cancel["y"] - cancel["height"] / 2) <= 1
        assert cancel["x"] + cancel["width"] <= 360
        ui.page.keyboard.press("Escape")
        ui.page.locator("#language").click()


def top(page: Page) -> float:
    return page.locator(".input-panel").evaluate("(panel) => panel.getBoundingClientRect().top + scrollY")


def test_notices_do_not_shift_the_page(ui: WebPage) -> None:
    before = top(ui.page)
    ui.button.click()
    expect(ui.notice("empty")).to_be_visible()
    assert top(ui.page) == before
    ui.write("马云")
    ui.page.locator("#clear").click()
    expect(ui.notice("cleared")).to_be_visible()
    assert top(ui.page) == before


def test_an_underline_does_not_touch_the_count(ui: WebPage) -> None:
    """A wavy line is at most twice its thickness plus its offset below the baseline."""
    fill(ui)
    gaps = ui.page.evaluate(
        """() => [...document.querySelectorAll('.tile')].map((tile) => {
            const name = tile.querySelector('.tile-name');
            const range = document.createRange();
            range.selectNodeContents(name);
            const text = range.getBoundingClientRect();
            const count = tile.querySelector('.tile-count').getBoundingClientRect();
            return count.left >= text.right ? 100 : count.top - text.bottom;
        })"""
    )
    assert min(gaps) >= 4


def test_counts_have_separators(ui: WebPage) -> None:
    ui.stub(lambda text: [("PER", at, at + 1) for at in range(0, len(text) - 1, 2)])
    ui.write("马云" * 1200).detect()
    expect(ui.page.locator('[data-count="PER"]')).to_have_text("1,200")
    ui.page.locator("#language").click()
    expect(ui.page.locator("#status")).to_have_text("1,200 entities found")


def test_the_map_is_a_histogram_with_the_part_in_view(ui: WebPage) -> None:
    ui.stub(lambda text: [("PER", at, at + 2) for at in range(0, len(text) - 2, 3 if len(text) < 2100 else 30)])
    ui.write("马云在杭州。" * 4000).detect()
    filled = ui.page.evaluate(
        """() => {
            const canvas = document.querySelector('#map');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let painted = 0;
            for (let at = 3; at < data.length; at += 4) painted += data[at] > 0;
            return painted / (data.length / 4);
        }"""
    )
    assert filled < 0.4, "no solid band"
    view = ui.page.locator("#map-view")
    before = view.evaluate("(view) => view.getBoundingClientRect().left")
    ui.page.locator("#output").evaluate("(output) => { output.scrollTop = output.scrollHeight / 2; }")
    ui.settle()
    assert view.evaluate("(view) => view.getBoundingClientRect().left") > before + 50


def test_quiet_mode_underlines_only(ui: WebPage) -> None:
    ui.page.emulate_media(reduced_motion="reduce")
    fill(ui)
    ui.page.locator("#quiet").check()
    styles = ui.page.locator("mark").first.evaluate(
        """(mark) => {
            const style = getComputedStyle(mark);
            const text = getComputedStyle(mark.parentElement);
            const label = getComputedStyle(mark, '::after');
            return [style.color === text.color, style.backgroundColor, style.textDecorationLine, label.display];
        }"""
    )
    assert styles == [True, "rgba(0, 0, 0, 0)", "underline", "none"]


def test_stale_results_are_marked(ui: WebPage) -> None:
    ui.stub()
    ui.write("马云在杭州").detect()
    border = "(output) => getComputedStyle(output).borderTopStyle"
    assert ui.page.locator("#output").evaluate(border) == "solid"
    ui.text.press("a")
    assert ui.page.locator("#output").evaluate(border) == "dashed"
    ui.text.press("Backspace")
    assert ui.page.locator("#output").evaluate(border) == "solid"
