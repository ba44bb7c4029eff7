"""Optional types: requested with the default ones, shown when switched on, distinguishable without colour."""

from __future__ import annotations

import json
import subprocess

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.support.web_page import Found, WebPage, response

DEFAULT = ["PER", "LOC", "ORG"]
EXTRA = {"TIME": ("昨天", "时间"), "TITLE": ("创始人", "头衔"), "MONEY": ("三亿元", "金额")}
TEXT = "昨天创始人马云在杭州给中国银行三亿元。"
FOUND: list[Found] = [
    ("TIME", 0, 2),
    ("TITLE", 2, 5),
    ("PER", 5, 7),
    ("LOC", 8, 10),
    ("ORG", 11, 15),
    ("MONEY", 15, 18),
]


@pytest.fixture
def asked(ui: WebPage) -> list[list[str] | None]:
    """The requested types, for a model with optional types."""
    asked: list[list[str] | None] = []

    def model(route: Route) -> None:
        described = route.fetch().json()
        described |= {"types": [*DEFAULT, *EXTRA], "default_types": DEFAULT}
        described["colors"] |= dict.fromkeys(EXTRA, "white")
        route.fulfill(json=described)

    def ner(route: Route) -> None:
        types = json.loads(route.request.post_data_buffer or b"{}").get("types")
        asked.append(types)
        found = [entity for entity in FOUND if entity[0] in (types or DEFAULT)]
        route.fulfill(content_type="application/json", body=response(TEXT, found))

    ui.page.route("**/model", model)
    ui.page.route("**/ner", ner)
    ui.open()
    ui.write(TEXT).detect()
    return asked


def types(ui: WebPage) -> list[str]:
    return [type_ for type_, *_ in ui.marks()]


def tile(ui: WebPage, type_: str) -> Locator:
    return ui.page.locator(f"#legend button[data-type={type_}]")


def test_they_are_off_at_first(ui: WebPage, asked: list[list[str] | None]) -> None:
    assert asked == [[*DEFAULT, *EXTRA]]
    assert types(ui) == DEFAULT
    expect(ui.page.locator("#status")).to_have_text("找到 3 个实体")
    expect(tile(ui, "TIME")).to_have_attribute("aria-pressed", "false")
    assert [ui.count(type_) for type_ in EXTRA] == [1, 1, 1]


def test_switched_on_they_are_marked_and_stay_on(ui: WebPage, asked: list[list[str] | None]) -> None:
    ui.page.get_by_role("button", name="时间 TIME 1").click()
    assert types(ui) == ["TIME", *DEFAULT]
    expect(ui.page.locator("#status")).to_have_text("找到 4 个实体")
    expect(ui.page.locator("mark[data-type=TIME]")).to_have_css("color", "rgb(230, 241, 255)")
    assert len(asked) == 1
    ui.open()
    ui.write(TEXT).detect()
    assert types(ui) == ["TIME", *DEFAULT]
    tile(ui, "TIME").click()
    assert types(ui) == DEFAULT


def test_each_has_its_own_label_and_underline(ui: WebPage, asked: list[list[str] | None]) -> None:
    for type_ in EXTRA:
        tile(ui, type_).click()
    lines, labels = ui.page.evaluate(
        """() => {
            const marks = [...document.querySelectorAll('mark')];
            const line = ({ textDecorationStyle: style, textDecorationThickness: thick }) => `${style} ${thick}`;
            return [
                marks.map((mark) => line(getComputedStyle(mark))),
                marks.map((mark) => getComputedStyle(mark, '::after').content),
            ];
        }"""
    )
    assert len(set(lines)) == len(FOUND)
    assert labels == [f'"{label}"' for label in ("时间", "头衔", "人物", "地点", "机构", "金额")]
    ui.page.locator("#language").click()
    label = "(mark) => getComputedStyle(mark, '::after').content"
    assert ui.page.locator("mark").first.evaluate(label) == '"TIME"'
    expect(ui.page.get_by_role("button", name="Money MONEY 1")).to_be_visible()


def test_the_curl_command_requests_the_types_that_are_on(ui: WebPage, asked: list[list[str] | None]) -> None:
    ui.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tile(ui, "LOC").click()
    tile(ui, "TIME").click()
    ui.page.locator("[data-action=curl]").click()
    expect(ui.page.locator("#export-hint")).to_have_text("已复制")
    command = ui.page.evaluate("navigator.clipboard.readText()")
    printed = subprocess.run(["bash", "-c", "printf '%s\\0' " + command], capture_output=True, check=True, text=True)
    arguments = printed.stdout.split("\0")
    body = json.loads(arguments[arguments.index("--data-binary") + 1])
    assert body == {"text": TEXT, "types": ["PER", "ORG", "TIME"]}
