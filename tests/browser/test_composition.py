"""An input method at work is left in peace: nothing is asked for until it commits."""

from __future__ import annotations

from tests.support.desk import Desk

QUIET_MS = 900
"""More than twice live mode's delay."""


def live(desk: Desk) -> list[str]:
    asked = desk.stub()
    desk.page.get_by_role("switch", name="实时侦测").check()
    desk.text.focus()
    return asked


def test_live_mode_asks_once_after_a_pause(desk: Desk) -> None:
    asked = live(desk)
    desk.page.keyboard.type("马云在杭州", delay=30)
    desk.page.locator("mark").first.wait_for()
    desk.page.wait_for_timeout(QUIET_MS)
    assert asked == ["马云在杭州"]


def test_composing_is_silent_until_the_commit(desk: Desk) -> None:
    asked = live(desk)
    browser = desk.page.context.new_cdp_session(desk.page)
    for syllables in ("m", "ma", "ma y", "ma yu", "ma yun"):
        composed = {"text": syllables, "selectionStart": len(syllables), "selectionEnd": len(syllables)}
        browser.send("Input.imeSetComposition", composed)
        desk.page.wait_for_timeout(100)
    desk.page.wait_for_timeout(QUIET_MS)
    assert desk.text.input_value() == "ma yun"
    assert asked == []

    browser.send("Input.insertText", {"text": "马云"})
    desk.page.locator("mark").first.wait_for()
    assert asked == ["马云"]


def test_a_composition_stills_what_was_about_to_be_asked(desk: Desk) -> None:
    asked = live(desk)
    desk.page.keyboard.type("杭州")
    desk.text.dispatch_event("compositionstart", {"data": ""})
    desk.page.wait_for_timeout(QUIET_MS)
    assert asked == []
    desk.text.dispatch_event("compositionend", {"data": ""})
    desk.page.locator("mark").first.wait_for()
    assert asked == ["杭州"]


def test_enter_and_escape_belong_to_the_input_method(desk: Desk) -> None:
    asked = desk.stub()
    desk.write("马云")
    desk.text.dispatch_event("compositionstart", {"data": ""})
    desk.text.press("Control+Enter")
    desk.page.wait_for_timeout(200)
    assert asked == []


def test_live_mode_cancels_what_it_overtook(desk: Desk) -> None:
    aborted: list[str] = []
    desk.page.on("requestfailed", lambda request: aborted.append(request.url))
    desk.hold()
    desk.page.get_by_role("switch", name="实时侦测").check()
    desk.write("慢")
    desk.until("!document.querySelector('#cancel').hidden")
    desk.stub()
    desk.write("马云在杭州")
    desk.page.locator("mark").first.wait_for()
    assert [url.rsplit("/", 1)[1] for url in aborted] == ["ner"]
    assert [span for *_, span in desk.marks()] == ["马云", "杭州"]
