"""States other than success: the page names them, keeps results and continues where it can."""

from __future__ import annotations

import pytest
from playwright.sync_api import Request, Route, expect

from tests.support.web_page import WebPage, response

LONG = "".join(f"第{number}段：马云到了杭州，然后去北京。\n" for number in range(1000))


def test_nothing_to_detect(ui: WebPage) -> None:
    expect(ui.page.locator("#output")).to_contain_text("开始侦测")
    asked = ui.stub()
    ui.write(" \n ").button.click()
    expect(ui.notice("empty")).to_be_visible()
    assert asked == []


def test_nothing_found(ui: WebPage) -> None:
    ui.stub(lambda _text: [])
    ui.write("今天天气很好").detect()
    expect(ui.page.locator("#status")).to_have_text("没有找到实体")
    assert [ui.count(type_) for type_ in ("PER", "LOC", "ORG")] == [0, 0, 0]


def test_a_long_document_is_sent_in_parts(ui: WebPage) -> None:
    held = ui.hold()
    bar = ui.page.get_by_role("progressbar")
    sent: list[Request] = []
    ui.page.on("request", lambda request: sent.append(request) if request.url.endswith("/ner") else None)
    with ui.page.expect_request(lambda _request: len(sent) == 2):
        ui.write(LONG).button.click()
    expect(bar).to_be_visible()
    with ui.page.expect_request("**/ner"):
        held[0].fulfill(content_type="application/json", body=response(LONG, [("PER", 4, 6)]))
    ui.page.locator("mark").first.wait_for()
    assert len(sent) == 3, "at most two parts are sent at a time"
    assert ui.page.locator(".block.is-pending").count() > 0
    assert 0 < int(bar.get_attribute("aria-valuenow") or 0) < 100
    expect(ui.page.locator("#status")).to_contain_text("侦测中")


def test_escape_cancels_and_keeps_partial_results(ui: WebPage) -> None:
    received: list[Route] = []

    def some(route: Route) -> None:
        received.append(route)
        if len(received) == 1:
            route.fulfill(content_type="application/json", body='{"data": [], "meta": {}}')

    ui.page.route("**/ner", some)
    ui.write(LONG).button.click()
    ui.until("Number(document.querySelector('#progress').getAttribute('aria-valuenow')) > 0")
    ui.page.keyboard.press("Escape")
    expect(ui.page.locator("#cancel")).to_be_hidden()
    expect(ui.page.locator("#status")).to_have_text("已停止，显示已得到的部分")


def test_the_key_is_requested_kept_in_memory_and_sent(ui: WebPage) -> None:
    keys: list[str] = []

    def locked(route: Route) -> None:
        keys.append(route.request.headers.get("authorization", ""))
        if keys[-1] == "Bearer 开门".encode().decode("latin-1") or keys[-1] == "Bearer sesame":
            route.fulfill(content_type="application/json", body='{"data": [], "meta": {}}')
        else:
            route.fulfill(status=401, content_type="application/json", body='{"error": {"code": "unauthorized"}}')

    ui.page.route("**/ner", locked)
    ui.write("马云").button.click()
    dialog = ui.page.get_by_role("dialog")
    dialog.get_by_label("密钥", exact=True).fill("wrong")
    dialog.get_by_role("button", name="使用").click()
    expect(dialog).to_contain_text("密钥不对")
    dialog.get_by_label("密钥", exact=True).fill("sesame")
    dialog.get_by_label("密钥", exact=True).press("Enter")
    expect(dialog).to_be_hidden()
    expect(ui.page.locator("#status")).to_have_text("没有找到实体")
    assert keys == ["", "Bearer wrong", "Bearer sesame"]
    stored = ui.page.evaluate(
        "JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie + location.href"
    )
    assert "sesame" not in stored


def test_too_large(ui: WebPage) -> None:
    ui.refuse(413, "text_too_long")
    ui.write("马云").detect()
    expect(ui.notice("large")).to_be_visible()


@pytest.mark.parametrize(("status", "kind"), [(429, "limited"), (503, "unready")])
def test_a_countdown_and_a_retry(ui: WebPage, status: int, kind: str) -> None:
    ui.stub()
    ui.refuse(status, "busy", headers={"retry-after": "2"})
    ui.write("马云在杭州").button.click()
    expect(ui.notice(kind).locator(".notice-clock")).to_have_text("2 秒")
    expect(ui.notice(kind).locator(".notice-clock")).to_have_text("1 秒")
    ui.page.locator("mark").first.wait_for()
    expect(ui.notice(kind)).to_have_count(0)
    assert [span for *_, span in ui.marks()] == ["马云", "杭州"]


def test_offline_keeps_results_and_sends_the_rest_when_back(ui: WebPage) -> None:
    asked = ui.stub()
    ui.page.route("**/ner", lambda route: route.abort("connectionfailed") if len(asked) >= 2 else route.fallback())
    ui.write(LONG).button.click()
    expect(ui.notice("offline")).to_be_visible()
    expect(ui.page.locator("#hud-status")).to_have_text("离线")
    assert 0 < len(ui.marks()) < 3000
    ui.page.unroute("**/ner")
    rest = ui.stub()
    ui.page.evaluate("dispatchEvent(new Event('online'))")
    ui.until("document.querySelector('#status').textContent.startsWith('找到')")
    assert len(ui.marks()) == 3000
    assert asked[0] not in rest, "finished parts are not sent again"


def test_the_notice_offers_to_continue(ui: WebPage) -> None:
    ui.stub()
    ui.refuse(504, "timed_out")
    ui.write("马云在杭州").detect()
    ui.notice("timeout").get_by_role("button", name="继续").click()
    ui.page.locator("mark").first.wait_for()
    expect(ui.notice("timeout")).to_have_count(0)


def test_a_service_that_is_offline_when_the_page_opens(ui: WebPage) -> None:
    ui.page.route("**/model", lambda route: route.abort("connectionrefused"))
    ui.open()
    expect(ui.page.locator("#hud-status")).to_have_text("离线")
    assert ui.count("PER") == 0


def test_results_of_a_changed_text_are_marked(ui: WebPage) -> None:
    ui.stub()
    ui.write("马云").detect()
    ui.text.press_sequentially("去")
    expect(ui.page.locator("#status")).to_contain_text("文本已改动")


def test_a_document_over_the_limit(ui: WebPage) -> None:
    asked = ui.stub()
    ui.write("字" * 2_000_001).button.click()
    expect(ui.notice("over")).to_be_visible()
    expect(ui.page.locator("#limit")).to_contain_text("超出")
    assert asked == []


def test_a_replaced_text_can_be_restored(ui: WebPage) -> None:
    ui.write("我自己写的一段话")
    ui.page.click("[data-example=weibo]")
    ui.notice("replaced").get_by_role("button", name="恢复原文").click()
    assert ui.text.input_value() == "我自己写的一段话"


def test_history_is_kept_replayed_cleared_and_switched_off(ui: WebPage) -> None:
    ui.stub()
    ui.write("马云在杭州").detect()
    ui.write("屠呦呦在北京").detect()
    past = ui.page.locator("#history li")
    expect(past).to_have_count(2)
    ui.open()
    expect(past).to_have_count(2)
    past.nth(1).get_by_role("button").click()
    assert ui.text.input_value() == "马云在杭州"
    ui.page.get_by_role("button", name="清除历史").click()
    expect(past).to_have_count(0)
    ui.write("马云").detect()
    expect(past).to_have_count(1)
    ui.page.get_by_role("switch", name="记录").uncheck()
    expect(past).to_have_count(0)
    ui.write("杭州").detect()
    expect(past).to_have_count(0)
    assert "杭州" not in ui.page.evaluate("JSON.stringify({ ...localStorage })")
