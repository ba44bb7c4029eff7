"""What belongs to a document goes with it; what belongs to the user stays across a reload."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, expect

from tests.support.web_page import WebPage

FIRST = "马云在北京，屠呦呦在杭州。"
SECOND = "北京的马云。"
LONG = "".join(f"第{number}段：马云到了杭州，然后去北京。\n" for number in range(1000))


def test_a_selection_ends_with_its_document(ui: WebPage) -> None:
    ui.stub()
    ui.write(FIRST).detect()
    ui.page.locator("mark", has_text="北京").click()
    expect(ui.page.locator("mark.is-twin")).to_have_count(1)
    ui.write(SECOND).detect()
    expect(ui.page.locator("mark.is-twin")).to_have_count(0)
    expect(ui.page.locator("#output")).not_to_have_class("output has-selection")
    expect(ui.page.locator("#table-body tr.is-selected")).to_have_count(0)
    expect(ui.page.locator("#bars [aria-pressed=true]")).to_have_count(0)


def test_filters_end_with_their_document(ui: WebPage) -> None:
    ui.stub()
    ui.write(FIRST).detect()
    ui.page.locator("#filter").fill("杭州")
    ui.page.get_by_label("置信度下限").fill("50")
    ui.page.locator("#legend button[data-type=PER]").click()
    expect(ui.page.locator("mark")).to_have_count(2)
    ui.write(SECOND).detect()
    expect(ui.page.locator("mark")).to_have_count(2)
    expect(ui.page.locator("#filter")).to_have_value("")
    expect(ui.page.get_by_label("置信度下限")).to_have_value("0")
    expect(ui.page.locator("#legend button[data-type=PER]")).to_have_attribute("aria-pressed", "true")


def test_filters_stay_when_the_same_text_is_detected_again(ui: WebPage) -> None:
    ui.stub()
    ui.write(FIRST).detect()
    ui.page.locator("#legend button[data-type=PER]").click()
    ui.detect()
    expect(ui.page.locator("mark")).to_have_count(2)


def test_filters_stay_while_live_mode_edits_the_document(ui: WebPage) -> None:
    ui.stub()
    ui.page.get_by_role("switch", name="实时侦测").check()
    ui.write("马云在北京")
    expect(ui.page.locator("mark")).to_have_count(2)
    ui.page.locator("#legend button[data-type=PER]").click()
    ui.write("马云在北京和杭州")
    expect(ui.page.locator("mark")).to_have_text(["北京", "杭州"])


def test_scroll_positions_end_with_their_document(ui: WebPage) -> None:
    ui.stub(lambda text: [("PER", at, at + 2) for at in range(0, len(text) - 2, 4)])
    ui.page.locator("#grouped").uncheck()
    ui.write(LONG[:5000]).detect()
    table = ui.page.locator(".table-scroll")
    ui.page.evaluate("for (const area of document.querySelectorAll('.table-scroll, #output')) area.scrollTop = 400")
    assert table.evaluate("(area) => area.scrollTop") > 0
    ui.write(LONG[1000:6000]).detect()
    assert table.evaluate("(area) => area.scrollTop") == 0
    assert ui.page.locator("#output").evaluate("(area) => area.scrollTop") == 0


def test_clearing_in_live_mode_clears_the_result(ui: WebPage) -> None:
    ui.stub()
    ui.page.get_by_role("switch", name="实时侦测").check()
    ui.write("马云在北京")
    expect(ui.page.locator("mark")).to_have_count(2)
    ui.write("")
    expect(ui.page.locator("mark")).to_have_count(0)
    expect(ui.page.locator("#status")).to_be_empty()


def test_a_failed_detection_keeps_the_last_result(ui: WebPage) -> None:
    ui.stub()
    ui.write(FIRST).detect()
    ui.page.unroute("**/ner")
    for text in (SECOND, LONG):
        ui.refuse(504, "timed_out", times=2)
        ui.write(text).detect()
        expect(ui.notice("timeout")).to_be_visible()
        assert [span for *_, span in ui.marks()] == ["马云", "北京", "屠呦呦", "杭州"]
        expect(ui.page.locator("#status")).to_contain_text("文本已改动")
    expect(ui.page.locator("#output-panel")).to_have_class("panel output-panel is-stale")


def test_a_cleared_text_comes_back_with_its_result(ui: WebPage) -> None:
    ui.stub()
    ui.write(FIRST).detect()
    ui.page.locator("#clear").click()
    expect(ui.page.locator("mark")).to_have_count(0)
    ui.notice("cleared").get_by_role("button", name="撤销").click()
    assert ui.text.input_value() == FIRST
    expect(ui.page.locator("mark")).to_have_count(4)
    expect(ui.page.locator("#status")).to_have_text("找到 4 个实体")


def test_a_replaced_text_comes_back_with_its_result(ui: WebPage) -> None:
    ui.stub()
    ui.write(FIRST).detect()
    ui.page.locator("[data-example=news]").click()
    ui.detect()
    ui.notice("replaced").get_by_role("button", name="恢复原文").click()
    assert ui.text.input_value() == FIRST
    assert [span for *_, span in ui.marks()] == ["马云", "北京", "屠呦呦", "杭州"]


def test_a_draft_survives_a_reload(ui: WebPage) -> None:
    ui.write("写到一半的句子👩‍💻\n第二行")
    ui.page.reload()
    expect(ui.text).to_have_value("写到一半的句子👩‍💻\n第二行")
    expect(ui.page.locator("#lines")).to_have_text("2")
    ui.page.locator("#clear").click()
    ui.page.reload()
    expect(ui.text).to_have_value("")


def test_preferences_survive_a_reload(ui: WebPage) -> None:
    ui.page.locator("#theme").click()
    ui.page.locator("#quiet").check()
    ui.page.locator("#grouped").uncheck()
    ui.page.locator("#language").click()
    ui.open()
    root = ui.page.locator("html")
    expect(root).to_have_attribute("data-theme", "light")
    expect(root).to_have_attribute("data-quiet", "on")
    expect(root).to_have_attribute("lang", "en")
    expect(ui.page.locator("#grouped")).not_to_be_checked()
    stored = json.loads(ui.page.evaluate("localStorage.getItem('raner.preferences')"))
    assert (stored["theme"], stored["quiet"], stored["grouped"], stored["language"]) == ("light", True, False, "en")


@pytest.mark.parametrize(
    ("locale", "language"), [("zh-CN", "zh-CN"), ("zh-TW", "zh-CN"), ("en-US", "en"), ("fr-FR", "en")]
)
def test_the_first_visit_is_in_the_browsers_language(
    browser: Browser, service_url: str, locale: str, language: str
) -> None:
    page = browser.new_page(locale=locale)
    page.goto(service_url)
    expect(page.locator("html")).to_have_attribute("lang", language)
    page.close()


def test_the_system_theme_is_followed_on_request(ui: WebPage) -> None:
    root = ui.page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    ui.page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-theme", "dark")
    ui.page.locator("#theme").click()
    ui.page.locator("#theme").click()
    expect(ui.page.locator("#theme")).to_have_attribute("aria-label", "主题：跟随系统")
    expect(root).to_have_attribute("data-theme", "light")
    ui.page.emulate_media(color_scheme="dark")
    expect(root).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("shortcut", ["1", "Escape"])
@pytest.mark.parametrize("place", ["#table-body button", "#bars button", "#table-head button"])
def test_shortcuts_keep_the_focus(ui: WebPage, place: str, shortcut: str) -> None:
    ui.stub()
    ui.write(FIRST).detect()
    ui.page.locator(place, has_text="北京" if "head" not in place else "类型").focus()
    ui.page.keyboard.press(shortcut)
    ui.settle()
    assert ui.page.evaluate("document.activeElement.matches(argument)".replace("argument", f"'{place}'"))


def test_cancelling_from_its_button_keeps_the_focus(ui: WebPage) -> None:
    ui.hold()
    ui.write(FIRST).button.click()
    ui.page.locator("#cancel").focus()
    ui.page.keyboard.press("Escape")
    expect(ui.text).to_be_focused()
