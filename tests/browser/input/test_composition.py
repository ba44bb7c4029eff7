"""Input methods (IME) and live mode: nothing is sent before a composition ends."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.web_page import WebPage

PAUSE_MS = 2000
"""Longer than live mode's delay. The page's clock runs forward by it; the test does not wait."""


def live(ui: WebPage) -> list[str]:
    sent = ui.stub()
    ui.page.clock.install()
    ui.page.get_by_role("switch", name="实时侦测").check()
    ui.text.focus()
    return sent


def pause(ui: WebPage) -> None:
    ui.page.clock.run_for(PAUSE_MS)


def test_live_mode_sends_once_after_a_pause(ui: WebPage) -> None:
    sent = live(ui)
    ui.page.keyboard.type("马云在杭州")
    pause(ui)
    ui.page.locator("mark").first.wait_for()
    pause(ui)
    assert sent == ["马云在杭州"]


def test_nothing_is_sent_during_a_composition(ui: WebPage) -> None:
    sent = live(ui)
    browser = ui.page.context.new_cdp_session(ui.page)
    for syllables in ("m", "ma", "ma y", "ma yu", "ma yun"):
        composed = {"text": syllables, "selectionStart": len(syllables), "selectionEnd": len(syllables)}
        browser.send("Input.imeSetComposition", composed)
        pause(ui)
    assert ui.text.input_value() == "ma yun"
    assert sent == []

    browser.send("Input.insertText", {"text": "马云"})
    pause(ui)
    ui.page.locator("mark").first.wait_for()
    assert sent == ["马云"]


def test_a_composition_stops_a_scheduled_detection(ui: WebPage) -> None:
    sent = live(ui)
    ui.page.keyboard.type("杭州")
    ui.text.dispatch_event("compositionstart", {"data": ""})
    pause(ui)
    assert sent == []
    ui.text.dispatch_event("compositionend", {"data": ""})
    pause(ui)
    ui.page.locator("mark").first.wait_for()
    assert sent == ["杭州"]


def test_enter_during_a_composition_belongs_to_the_input_method(ui: WebPage) -> None:
    sent = ui.stub()
    ui.write("马云")
    ui.text.dispatch_event("compositionstart", {"data": ""})
    ui.text.press("Control+Enter")
    ui.text.dispatch_event("compositionend", {"data": ""})
    ui.text.press("Control+Enter")
    ui.page.locator("mark").first.wait_for()
    assert sent == ["马云"]


def test_live_mode_aborts_the_previous_request(ui: WebPage) -> None:
    ui.page.evaluate(
        """() => {
            const send = window.fetch;
            window.signals = [];
            window.fetch = (url, options) => {
                if (url.endsWith('/ner')) window.signals.push(options.signal);
                return send(url, options);
            };
        }"""
    )
    held = ui.hold()
    ui.page.get_by_role("switch", name="实时侦测").check()
    with ui.page.expect_request("**/ner"):
        ui.write("慢")
    # The route of the request follows its event; the stub must not respond to it.
    expect(ui.page.locator("#cancel")).to_be_visible()
    assert len(held) == 1
    ui.stub()
    ui.write("马云在杭州")
    ui.page.locator("mark").first.wait_for()
    assert ui.page.evaluate("window.signals.map((signal) => signal.aborted)") == [True, False]
    assert [span for *_, span in ui.marks()] == ["马云", "杭州"]
