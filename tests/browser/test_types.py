"""Types beyond the model's default ones: asked for with them, shown when switched on, told apart without colour."""

from __future__ import annotations

import json
import subprocess

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.support.desk import Desk, Found, answer

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
def asked(desk: Desk) -> list[list[str] | None]:
    """The types that were asked for, of a model that knows more than it answers unasked."""
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
        route.fulfill(content_type="application/json", body=answer(TEXT, found))

    desk.page.route("**/model", model)
    desk.page.route("**/ner", ner)
    desk.open()
    desk.write(TEXT).detect()
    return asked


def types(desk: Desk) -> list[str]:
    return [type_ for type_, *_ in desk.marks()]


def tile(desk: Desk, type_: str) -> Locator:
    return desk.page.locator(f"#legend button[data-type={type_}]")


def test_they_are_an_offer_at_first(desk: Desk, asked: list[list[str] | None]) -> None:
    assert asked == [[*DEFAULT, *EXTRA]]
    assert types(desk) == DEFAULT
    expect(desk.page.locator("#status")).to_have_text("找到 3 个实体")
    expect(tile(desk, "TIME")).to_have_attribute("aria-pressed", "false")
    assert [desk.count(type_) for type_ in EXTRA] == [1, 1, 1]


def test_switched_on_they_are_marked_at_once_and_stay_on(desk: Desk, asked: list[list[str] | None]) -> None:
    desk.page.get_by_role("button", name="时间 TIME 1").click()
    assert types(desk) == ["TIME", *DEFAULT]
    expect(desk.page.locator("#status")).to_have_text("找到 4 个实体")
    expect(desk.page.locator("mark[data-type=TIME]")).to_have_css("color", "rgb(230, 241, 255)")
    assert len(asked) == 1
    desk.open()
    desk.write(TEXT).detect()
    assert types(desk) == ["TIME", *DEFAULT]
    tile(desk, "TIME").click()
    assert types(desk) == DEFAULT


def test_each_has_a_label_and_a_line_of_its_own(desk: Desk, asked: list[list[str] | None]) -> None:
    for type_ in EXTRA:
        tile(desk, type_).click()
    lines, labels = desk.page.evaluate(
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
    desk.page.locator("#language").click()
    label = "(mark) => getComputedStyle(mark, '::after').content"
    assert desk.page.locator("mark").first.evaluate(label) == '"TIME"'
    expect(desk.page.get_by_role("button", name="Money MONEY 1")).to_be_visible()


def test_the_curl_command_asks_for_what_is_on(desk: Desk, asked: list[list[str] | None]) -> None:
    desk.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tile(desk, "LOC").click()
    tile(desk, "TIME").click()
    desk.page.locator("[data-action=curl]").click()
    expect(desk.page.locator("#export-hint")).to_have_text("已复制")
    command = desk.page.evaluate("navigator.clipboard.readText()")
    printed = subprocess.run(["bash", "-c", "printf '%s\\0' " + command], capture_output=True, check=True, text=True)
    arguments = printed.stdout.split("\0")
    body = json.loads(arguments[arguments.index("--data-binary") + 1])
    assert body == {"text": TEXT, "types": ["PER", "ORG", "TIME"]}
