"""The user's lexicon: written in a dialog, kept in the browser, sent with each request."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.support.web_page import WebPage, response

TEXT = "马云买了蔚来。"
ENTRIES = "# 品牌\n蔚来\tBRAND\n马云\tPER\tforbid\n苹果 ORG hint -2"
INLINE = {
    "prefer": [{"text": "蔚来", "type": "BRAND"}],
    "forbid": [{"text": "马云", "type": "PER"}],
    "hint": [{"text": "苹果", "type": "ORG", "weight": -2}],
}


@pytest.fixture
def asked(ui: WebPage) -> list[dict[str, Any]]:
    """The bodies of the requests. An entity in the response comes from the lexicon if there is one."""
    asked: list[dict[str, Any]] = []

    def ner(route: Route) -> None:
        body = json.loads(route.request.post_data_buffer or b"{}")
        asked.append(body)
        found = json.loads(response(TEXT, [("PER", 0, 2), ("BRAND", 4, 6)], score=0.2))
        if "lexicon" in body:
            found["data"][1]["source"] = "lexicon"
        route.fulfill(json=found)

    ui.page.route("**/ner", ner)
    return asked


def area(ui: WebPage) -> Locator:
    return ui.page.locator("#lexicon-text")


def write_lexicon(ui: WebPage, entries: str) -> None:
    ui.page.locator("#lexicon-open").click()
    area(ui).fill(entries)
    ui.page.keyboard.press("Escape")
    expect(ui.page.locator("#lexicon")).to_be_hidden()


def test_entries_are_sent_and_stay_in_the_browser(ui: WebPage, asked: list[dict[str, Any]]) -> None:
    ui.write(TEXT).detect()
    assert "lexicon" not in asked[0]
    write_lexicon(ui, ENTRIES)
    expect(ui.page.locator("#lexicon-count")).to_have_text("3")
    expect(ui.page.locator("#status")).to_have_text(re.compile("^模型或词典已改动"))
    ui.detect()
    assert asked[1]["lexicon"] == INLINE
    # The model has optional types, so that the page names all types: those of the lexicon as well.
    assert "BRAND" in asked[1]["types"]
    ui.open()
    ui.write(TEXT).detect()
    assert asked[2] == asked[1]
    assert len(asked) == 3


def test_an_entity_of_the_lexicon_is_marked_by_more_than_colour(ui: WebPage, asked: list[dict[str, Any]]) -> None:
    write_lexicon(ui, ENTRIES)
    ui.write(TEXT).detect()
    marks = ui.page.locator("mark")
    expect(marks.nth(0)).to_have_css("border-top-width", "0px")
    expect(marks.nth(1)).to_have_css("border-top-width", "1px")
    expect(marks.nth(1)).to_have_css("border-top-style", "dashed")
    marks.nth(1).focus()
    expect(ui.page.locator("#inspector")).to_contain_text("来源词典")
    # Like `min_score`, the threshold leaves out no entity of the lexicon.
    ui.page.locator("#threshold").fill("50")
    expect(marks).to_have_count(1)
    assert [mark[3] for mark in ui.marks()] == ["蔚来"]


def test_a_lexicon_that_is_off_is_not_sent(ui: WebPage, asked: list[dict[str, Any]]) -> None:
    write_lexicon(ui, ENTRIES)
    ui.page.locator("#lexicon-open").click()
    ui.page.get_by_role("switch", name="使用词典").uncheck()
    ui.page.get_by_role("button", name="关闭", exact=True).click()
    expect(ui.page.locator("#lexicon-count")).to_have_text("停用")
    ui.write(TEXT).detect()
    assert "lexicon" not in asked[0]
    ui.open()
    expect(ui.page.locator("#lexicon-count")).to_have_text("停用")
    ui.page.locator("#lexicon-open").click()
    expect(area(ui)).to_have_value(ENTRIES)
    ui.page.locator("#lexicon-clear").click()
    expect(area(ui)).to_be_focused()
    expect(area(ui)).to_have_value("")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_lines_that_are_no_entries_are_named(ui: WebPage, language: str) -> None:
    if language == "en":
        ui.page.locator("#language").click()
    ui.page.locator("#lexicon-open").click()
    expect(area(ui)).to_be_focused()
    area(ui).fill("蔚来 ORG\n坏行\n苹果 ORG sometimes")
    size, problems = (
        ("1 条有效", ["第 2 行已忽略：", "第 3 行已忽略："])
        if language == "zh"
        else ("Valid entries: 1", ["Line 2 is ignored: ", "Line 3 is ignored: "])
    )
    expect(ui.page.locator("#lexicon-size")).to_have_text(size)
    expect(ui.page.locator("#lexicon-problems li")).to_have_text([re.compile(f"^{problem}.+") for problem in problems])
    dialog = ui.page.locator("#lexicon")
    height = dialog.bounding_box()
    area(ui).fill("\n".join(f"坏行{number}" for number in range(9)))
    expect(ui.page.locator("#lexicon-problems li")).to_have_count(6)
    assert dialog.bounding_box() == height


def test_live_mode_detects_again_with_the_new_lexicon(ui: WebPage, asked: list[dict[str, Any]]) -> None:
    ui.page.get_by_role("switch", name="实时侦测").check()
    ui.write(TEXT)
    ui.page.locator("mark").first.wait_for()
    write_lexicon(ui, ENTRIES)
    ui.page.locator("mark[data-source=lexicon]").wait_for()
    assert asked[-1]["lexicon"] == INLINE


def test_the_curl_command_has_the_lexicon(ui: WebPage) -> None:
    ui.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    write_lexicon(ui, ENTRIES)
    ui.write(TEXT)
    ui.page.locator("[data-action=curl]").click()
    expect(ui.page.locator("#export-hint")).to_have_text("已复制")
    command = ui.page.evaluate("navigator.clipboard.readText()")
    printed = subprocess.run(["bash", "-c", "printf '%s\\0' " + command], capture_output=True, check=True, text=True)
    arguments = printed.stdout.split("\0")
    assert json.loads(arguments[arguments.index("--data-binary") + 1]) == {"text": TEXT, "lexicon": INLINE}
