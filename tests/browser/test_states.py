"""Every state the page can be in beside success: it says so, keeps what arrived, and goes on where it can."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.support.desk import Desk, answer

LONG = "".join(f"第{number}段：马云到了杭州，然后去北京。\n" for number in range(1000))


def test_nothing_to_detect(desk: Desk) -> None:
    expect(desk.page.locator("#output")).to_contain_text("开始侦测")
    asked = desk.stub()
    desk.write(" \n ").button.click()
    expect(desk.notice("empty")).to_be_visible()
    assert asked == []


def test_nothing_found(desk: Desk) -> None:
    desk.stub(lambda _text: [])
    desk.write("今天天气很好").detect()
    expect(desk.page.locator("#status")).to_have_text("没有找到实体")
    assert [desk.count(type_) for type_ in ("PER", "LOC", "ORG")] == [0, 0, 0]


def test_a_long_document_comes_piece_by_piece(desk: Desk) -> None:
    held = desk.hold()
    desk.write(LONG).button.click()
    bar = desk.page.get_by_role("progressbar")
    expect(bar).to_be_visible()
    desk.page.wait_for_timeout(300)
    assert len(held) == 2, "no more than two pieces are under way"
    held[0].fulfill(content_type="application/json", body=answer(LONG, [("PER", 4, 6)]))
    desk.page.locator("mark").first.wait_for()
    assert desk.page.locator(".block.is-pending").count() > 0
    assert 0 < int(bar.get_attribute("aria-valuenow") or 0) < 100
    expect(desk.page.locator("#status")).to_contain_text("侦测中")


def test_escape_cancels_and_keeps_what_came(desk: Desk) -> None:
    answered: list[Route] = []

    def some(route: Route) -> None:
        answered.append(route)
        if len(answered) == 1:
            route.fulfill(content_type="application/json", body='{"data": [], "meta": {}}')

    desk.page.route("**/ner", some)
    desk.write(LONG).button.click()
    desk.until("Number(document.querySelector('#progress').getAttribute('aria-valuenow')) > 0")
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator("#cancel")).to_be_hidden()
    expect(desk.page.locator("#status")).to_have_text("已停止，显示已得到的部分")


def test_a_key_is_asked_for_kept_in_memory_and_sent(desk: Desk) -> None:
    keys: list[str] = []

    def locked(route: Route) -> None:
        keys.append(route.request.headers.get("authorization", ""))
        if keys[-1] == "Bearer 开门".encode().decode("latin-1") or keys[-1] == "Bearer sesame":
            route.fulfill(content_type="application/json", body='{"data": [], "meta": {}}')
        else:
            route.fulfill(status=401, content_type="application/json", body='{"error": {"code": "unauthorized"}}')

    desk.page.route("**/ner", locked)
    desk.write("马云").button.click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("密钥", exact=True).fill("wrong")
    dialog.get_by_role("button", name="使用").click()
    expect(dialog).to_contain_text("密钥不对")
    dialog.get_by_label("密钥", exact=True).fill("sesame")
    dialog.get_by_label("密钥", exact=True).press("Enter")
    expect(dialog).to_be_hidden()
    expect(desk.page.locator("#status")).to_have_text("没有找到实体")
    assert keys == ["", "Bearer wrong", "Bearer sesame"]
    stored = desk.page.evaluate(
        "JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie + location.href"
    )
    assert "sesame" not in stored


def test_too_large(desk: Desk) -> None:
    desk.refuse(413, "text_too_long")
    desk.write("马云").detect()
    expect(desk.notice("large")).to_be_visible()


@pytest.mark.parametrize(("status", "kind"), [(429, "limited"), (503, "unready")])
def test_a_countdown_and_then_it_goes_on(desk: Desk, status: int, kind: str) -> None:
    desk.stub()
    desk.refuse(status, "busy", headers={"retry-after": "2"})
    desk.write("马云在杭州").button.click()
    expect(desk.notice(kind).locator(".notice-clock")).to_have_text("2 秒")
    expect(desk.notice(kind).locator(".notice-clock")).to_have_text("1 秒")
    desk.page.locator("mark").first.wait_for()
    expect(desk.notice(kind)).to_have_count(0)
    assert [span for *_, span in desk.marks()] == ["马云", "杭州"]


def test_offline_keeps_what_came_and_asks_for_the_rest_when_back(desk: Desk) -> None:
    asked = desk.stub()
    desk.page.route("**/ner", lambda route: route.abort("connectionfailed") if len(asked) >= 2 else route.fallback())
    desk.write(LONG).button.click()
    expect(desk.notice("offline")).to_be_visible()
    expect(desk.page.locator("#hud-status")).to_have_text("离线")
    assert 0 < len(desk.marks()) < 3000
    desk.page.unroute("**/ner")
    rest = desk.stub()
    desk.page.evaluate("dispatchEvent(new Event('online'))")
    desk.until("document.querySelector('#status').textContent.startsWith('找到')")
    assert len(desk.marks()) == 3000
    assert asked[0] not in rest, "what was answered is not asked for again"


def test_the_notice_offers_to_go_on(desk: Desk) -> None:
    desk.stub()
    desk.refuse(504, "timed_out")
    desk.write("马云在杭州").detect()
    desk.notice("timeout").get_by_role("button", name="继续").click()
    desk.page.locator("mark").first.wait_for()
    expect(desk.notice("timeout")).to_have_count(0)


def test_a_service_that_is_away_when_the_page_opens(desk: Desk) -> None:
    desk.page.route("**/model", lambda route: route.abort("connectionrefused"))
    desk.open()
    expect(desk.page.locator("#hud-status")).to_have_text("离线")
    assert desk.count("PER") == 0


def test_results_of_a_text_that_has_changed_say_so(desk: Desk) -> None:
    desk.stub()
    desk.write("马云").detect()
    desk.text.press_sequentially("去")
    expect(desk.page.locator("#status")).to_contain_text("文本已改动")


def test_a_document_beyond_the_pages_limit(desk: Desk) -> None:
    asked = desk.stub()
    desk.write("字" * 2_000_001).button.click()
    expect(desk.notice("over")).to_be_visible()
    expect(desk.page.locator("#limit")).to_contain_text("超出")
    assert asked == []


def test_a_replaced_text_can_be_had_back(desk: Desk) -> None:
    desk.write("我自己写的一段话")
    desk.page.click("[data-example=weibo]")
    desk.notice("replaced").get_by_role("button", name="恢复原文").click()
    assert desk.text.input_value() == "我自己写的一段话"


def test_history_is_kept_replayed_cleared_and_switched_off(desk: Desk) -> None:
    desk.stub()
    desk.write("马云在杭州").detect()
    desk.write("屠呦呦在北京").detect()
    past = desk.page.locator("#history li")
    expect(past).to_have_count(2)
    desk.open()
    expect(past).to_have_count(2)
    past.nth(1).get_by_role("button").click()
    assert desk.text.input_value() == "马云在杭州"
    desk.page.get_by_role("button", name="清除历史").click()
    expect(past).to_have_count(0)
    desk.write("马云").detect()
    expect(past).to_have_count(1)
    desk.page.get_by_role("switch", name="记录").uncheck()
    expect(past).to_have_count(0)
    desk.write("杭州").detect()
    expect(past).to_have_count(0)
    assert "杭州" not in desk.page.evaluate("JSON.stringify({ ...localStorage })")
