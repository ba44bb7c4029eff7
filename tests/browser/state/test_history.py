"""The history restores texts with their results; every deletion can be undone."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.support.web_page import WebPage

LONG = "".join(f"第{number}段：马云到了杭州，然后去北京。\n" for number in range(1000))


def past(ui: WebPage) -> Locator:
    return ui.page.locator("#history li")


def stored(ui: WebPage) -> list[str]:
    """The texts in the browser's database."""
    return ui.page.evaluate(
        """() => new Promise((resolve) => {
            indexedDB.open('raner').onsuccess = ({ target: { result: database } }) => {
                database.transaction('history').objectStore('history').getAll().onsuccess = ({ target }) => {
                    database.close();
                    resolve(target.result.map(({ text }) => text));
                };
            };
        })"""
    )


def test_a_click_restores_text_and_result_and_leads_to_it(ui: WebPage) -> None:
    sent = ui.stub()
    ui.write("马云在杭州").detect()
    ui.write("屠呦呦在北京").detect()
    ui.open()
    past(ui).nth(1).get_by_role("button").click()
    assert ui.text.input_value() == "马云在杭州"
    assert ui.marks() == [("PER", 0, 2, "马云"), ("LOC", 3, 5, "杭州")]
    expect(ui.page.locator("#status")).to_have_text("找到 2 个实体")
    expect(ui.page.locator("#output")).to_be_focused()
    expect(ui.page.locator("#output")).to_be_in_viewport()
    assert len(sent) == 2, "nothing is sent again"


def test_an_incomplete_result_is_restored_as_such_and_continued(ui: WebPage) -> None:
    sent = ui.stub()
    ui.page.route("**/ner", lambda route: route.abort("failed") if len(sent) >= 2 else route.fallback())
    ui.write(LONG).button.click()
    expect(past(ui).first).to_contain_text("不完整")
    ui.page.unroute("**/ner")
    ui.page.route("**/readyz", lambda route: route.abort("connectionrefused"))
    ui.open()
    past(ui).first.get_by_role("button").click()
    expect(ui.page.locator("#status")).to_have_text("已停止，显示已得到的部分")
    assert 0 < len(ui.marks()) < 3000
    assert ui.page.locator(".block.is-pending").count() > 0


def test_a_file_is_restored_with_its_line_breaks(ui: WebPage) -> None:
    ui.stub()
    raw = "第一行\r\n马云\r\n在杭州"
    ui.drop("行.txt", raw.encode())
    ui.page.locator("#source").wait_for()
    ui.detect()
    ui.open()
    past(ui).first.get_by_role("button").click()
    expect(ui.page.locator("#source-name")).to_have_text("行.txt")
    start = int(ui.page.locator("mark").first.get_attribute("data-file-start") or -1)
    assert raw[start : start + 2] == "马云"


def test_size_and_export_of_everything(ui: WebPage) -> None:
    ui.stub()
    ui.write("马云在杭州").detect()
    ui.write("屠呦呦在北京").detect()
    expect(ui.page.locator("#history-size")).to_contain_text("2 条")
    expect(ui.page.locator("#history-size")).to_contain_text("kB")
    with ui.page.expect_download() as download:
        ui.page.get_by_role("button", name="导出全部").click()
    exported = json.loads(Path(download.value.path()).read_text())
    assert [entry["text"] for entry in exported] == ["屠呦呦在北京", "马云在杭州"]
    assert [entity["span"] for entity in exported[1]["entities"]] == ["马云", "杭州"]
    assert all(entry["complete"] and entry["model"] == "stub" and entry["at"] for entry in exported)


def test_clearing_the_history_can_be_undone(ui: WebPage) -> None:
    ui.stub()
    ui.write("马云在杭州").detect()
    ui.write("屠呦呦在北京").detect()
    ui.page.get_by_role("button", name="清除历史").click()
    expect(past(ui)).to_have_count(0)
    assert stored(ui) == []
    ui.notice("historyCleared").get_by_role("button", name="撤销").click()
    expect(past(ui)).to_have_count(2)
    ui.open()
    expect(past(ui)).to_have_count(2)


def test_switching_the_history_off_can_be_undone(ui: WebPage) -> None:
    ui.stub()
    ui.write("马云在杭州").detect()
    ui.page.get_by_role("switch", name="记录").uncheck()
    expect(past(ui)).to_have_count(0)
    ui.notice("historyOff").get_by_role("button", name="撤销").click()
    expect(past(ui)).to_have_count(1)
    expect(ui.page.get_by_role("switch", name="记录")).to_be_checked()


def test_nothing_is_stored_while_the_history_is_off(ui: WebPage) -> None:
    ui.stub()
    ui.page.get_by_role("switch", name="记录").uncheck()
    ui.write("马云在杭州").detect()
    assert stored(ui) == []
    assert "马云" not in ui.page.evaluate("JSON.stringify({ ...localStorage })")


def test_the_history_of_an_earlier_version_is_kept(ui: WebPage) -> None:
    entry = {"at": 1_700_000_000_000, "text": "马云在杭州", "counts": {"PER": 1, "LOC": 1}}
    ui.page.evaluate("(entry) => localStorage.setItem('raner.history', JSON.stringify([entry]))", entry)
    ui.open()
    expect(past(ui)).to_have_count(1)
    expect(past(ui).first).to_contain_text("仅文本")
    past(ui).first.get_by_role("button").click()
    assert ui.text.input_value() == "马云在杭州"
    ui.open()
    expect(past(ui)).to_have_count(1)
    assert ui.page.evaluate("localStorage.getItem('raner.history')") is None
