"""WCAG 2.2 AA as far as axe-core checks it, in every state and both languages; the keyboard; other media."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.web_page import APPEARANCES, EXAMPLE, WebPage

AXE = (Path(__file__).parents[1] / "vendor" / "axe.min.js").read_text()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def empty(_desk: WebPage) -> None:
    """The page as it opens."""


def done(ui: WebPage) -> None:
    ui.write(EXAMPLE).detect()
    ui.page.locator("mark").first.wait_for()


def selected(ui: WebPage) -> None:
    done(ui)
    ui.page.locator("mark").first.click()
    ui.page.locator("mark").nth(1).hover()


def hidden_type(ui: WebPage) -> None:
    done(ui)
    ui.page.locator("#legend button").first.click()


def running(ui: WebPage) -> None:
    ui.page.unroute("**/ner")
    ui.hold()
    ui.write("马云在杭州。\n" * 3000).button.click()
    ui.page.get_by_role("progressbar").wait_for()


def waiting(ui: WebPage) -> None:
    ui.page.unroute("**/ner")
    ui.refuse(429, "overloaded", headers={"retry-after": "30"})
    ui.write("马云").button.click()
    ui.notice("limited").wait_for()


def failed(ui: WebPage) -> None:
    ui.page.unroute("**/ner")
    ui.page.route("**/ner", lambda route: route.abort("connectionrefused"))
    ui.write("马云").detect()
    ui.notice("offline").wait_for()


def key(ui: WebPage) -> None:
    ui.page.unroute("**/ner")
    ui.refuse(401, "unauthorized")
    ui.write("马云").button.click()
    ui.page.get_by_role("dialog").wait_for()


def sheet(ui: WebPage) -> None:
    ui.page.locator("#shortcuts-open").click()


def lexicon(ui: WebPage) -> None:
    ui.page.locator("#lexicon-open").click()
    ui.page.locator("#lexicon-text").fill("蔚来 ORG\n坏行")
    ui.page.locator("#lexicon-problems li").wait_for()


def file(ui: WebPage) -> None:
    ui.drop("文.txt", "马云\r\n在杭州".encode("gb18030"))
    ui.page.locator("#source").wait_for()


def plain(ui: WebPage) -> None:
    done(ui)
    ui.page.locator("#effects").click()


def too_large(ui: WebPage) -> None:
    ui.refuse(413, "text_too_long")
    ui.write("马云").detect()
    ui.notice("large").wait_for()


def starting(ui: WebPage) -> None:
    ui.refuse(503, "not_ready", headers={"retry-after": "30"})
    ui.write("马云").button.click()
    ui.notice("unready").wait_for()


def unrecorded(ui: WebPage) -> None:
    done(ui)
    ui.page.locator("#history li").first.wait_for()
    ui.page.locator("#keep").uncheck()


def all_types(ui: WebPage) -> None:
    """With the optional types switched on: each type in its colour, with its underline."""
    ui.page.unroute("**/ner")
    ui.stub(lambda _text: [(type_, at, at + 1) for at, type_ in enumerate(TYPES)])
    ui.write("人地机时职钱。").detect()
    for type_ in TYPES[3:]:
        ui.page.locator(f"#legend button[data-type={type_}]").click()
    expect(ui.page.locator("mark")).to_have_count(len(TYPES))


def quiet(ui: WebPage) -> None:
    all_types(ui)
    ui.page.locator("#quiet").check()


def stale(ui: WebPage) -> None:
    done(ui)
    ui.text.press("a")


def cleared(ui: WebPage) -> None:
    done(ui)
    ui.page.locator("#clear").click()
    ui.notice("cleared").wait_for()


def filtered(ui: WebPage) -> None:
    done(ui)
    ui.page.locator("#filter").fill("没有的")
    ui.page.get_by_role("slider").fill("20")


TYPES = ["PER", "LOC", "ORG", "TIME", "TITLE", "MONEY"]
STATES = [
    empty, done, selected, hidden_type, running, waiting, failed, key, sheet, lexicon, file, plain,
    too_large, starting, unrecorded, all_types, quiet, stale, cleared, filtered,
]  # fmt: skip


def violations(ui: WebPage) -> list[str]:
    ui.page.evaluate(AXE)
    found = ui.page.evaluate("async (rules) => (await axe.run(document, rules)).violations", RULES)
    return [f"{rule['id']}: {[node['html'][:160] for node in rule['nodes'][:3]]}" for rule in found]


@pytest.mark.parametrize(("language", "theme"), APPEARANCES)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing(ui: WebPage, state: Callable[[WebPage], None], language: str, theme: str) -> None:
    # A colour in the middle of a transition is not one that stays.
    ui.page.emulate_media(reduced_motion="reduce")
    if language == "en":
        ui.page.locator("#language").click()
    if theme == "light":
        ui.page.locator("#theme").click()
    ui.stub()
    state(ui)
    assert violations(ui) == []


@pytest.mark.parametrize("width", [360, 2560])
def test_axe_finds_nothing_on_other_screens(ui: WebPage, width: int) -> None:
    ui.page.set_viewport_size({"width": width, "height": 1000})
    ui.stub()
    done(ui)
    assert violations(ui) == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_on_the_api_page(ui: WebPage, theme: str) -> None:
    if theme == "light":
        ui.page.locator("#theme").click()
    ui.page.goto(ui.url + "/docs")
    ui.page.locator(".verb").first.wait_for()
    expect(ui.page.get_by_text("/ner/batch", exact=True)).to_be_visible()
    assert violations(ui) == []


def focused(ui: WebPage) -> str:
    return ui.page.evaluate("document.activeElement.id || document.activeElement.textContent")


def test_everything_works_with_the_keyboard(ui: WebPage) -> None:
    keyboard = ui.page.keyboard
    ui.stub()
    keyboard.press("Tab")
    assert focused(ui) == "跳到输入框"
    keyboard.press("Enter")
    assert focused(ui) == "text"
    keyboard.insert_text("马云在杭州，马云在北京。")
    keyboard.press("Control+Enter")
    ui.page.locator("mark").first.wait_for()

    # Outside of the text, a digit hides the first type; the same digit shows it.
    keyboard.press("Tab")
    keyboard.press("1")
    expect(ui.page.locator("mark")).to_have_count(2)
    keyboard.press("1")
    expect(ui.page.locator("mark")).to_have_count(4)

    # Tab leads to the result, arrows move through it, Enter selects all occurrences.
    for _ in range(30):
        if focused(ui) == "output":
            break
        keyboard.press("Tab")
    keyboard.press("ArrowRight")
    assert focused(ui) == "马云"
    expect(ui.page.get_by_role("tooltip")).to_contain_text("90%")
    expect(ui.page.get_by_role("tooltip")).to_contain_text("2 次")
    ui.page.evaluate("dispatchEvent(new Event('scroll'))")
    expect(ui.page.get_by_role("tooltip")).to_be_visible()
    keyboard.press("Enter")
    expect(ui.page.locator("mark.is-twin")).to_have_count(2)
    keyboard.press("End")
    assert focused(ui) == "北京"
    keyboard.press("ArrowLeft")
    assert focused(ui) == "马云"
    keyboard.press("Escape")
    expect(ui.page.locator("mark.is-twin")).to_have_count(0)
    expect(ui.page.get_by_role("tooltip")).to_be_hidden()

    keyboard.press("?")
    expect(ui.page.get_by_role("dialog")).to_be_visible()
    keyboard.press("Escape")
    expect(ui.page.get_by_role("dialog")).to_be_hidden()
    keyboard.press("/")
    assert focused(ui) == "text"
    # In the text, the same keys are text.
    keyboard.press("End")
    keyboard.type("/?1")
    assert ui.text.input_value().endswith("/?1")


def test_every_tab_stop_is_visible(ui: WebPage) -> None:
    ui.stub()
    done(ui)
    ui.page.evaluate("document.activeElement.blur()")
    stops = set()
    for _ in range(70):
        ui.page.keyboard.press("Tab")
        stop = ui.page.evaluate(
            """() => {
                const element = document.activeElement;
                const shown = element.id === 'file' ? element.closest('label') : element;
                const style = getComputedStyle(shown);
                const box = shown.getBoundingClientRect();
                const seen = style.outlineStyle !== 'none' && box.bottom > 0 && box.top < innerHeight;
                return [element.id || element.className || element.localName, seen || element === document.body];
            }"""
        )
        stops.add(tuple(stop))
    assert [name for name, seen in stops if not seen] == []
    assert {"text", "detect", "output", "threshold", "filter", "file", "clear"} <= {name for name, _ in stops}


def test_single_key_shortcuts_can_be_switched_off(ui: WebPage) -> None:
    ui.page.locator("#shortcuts-open").click()
    ui.page.get_by_role("switch", name="启用单键快捷键").uncheck()
    ui.page.keyboard.press("Escape")
    ui.page.keyboard.press("?")
    expect(ui.page.get_by_role("dialog")).to_be_hidden()


def test_words_and_numbers_follow_the_language(ui: WebPage) -> None:
    ui.stub()
    done(ui)
    ui.page.locator("#language").click()
    expect(ui.page.locator("html")).to_have_attribute("lang", "en")
    expect(ui.page.get_by_role("button", name="🚀 Start detection")).to_be_visible()
    expect(ui.page.get_by_role("button", name="Person PER 1")).to_be_visible()
    # The table is drawn in the next frame.
    expect(ui.page.locator("#table-size")).to_have_text("Rows: 4")
    chinese = ui.page.evaluate(
        """() => {
            const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            const found = [];
            while (walk.nextNode()) {
                const parent = walk.currentNode.parentElement;
                const own = '[lang="zh-CN"], noscript, #table-body .name, .bar-name, textarea, dialog:not([open])';
                const { data } = walk.currentNode;
                if (/[\\u4e00-\\u9fff]/.test(data) && !parent.closest(own)) found.push(data);
            }
            return found;
        }"""
    )
    assert chinese == []
    ui.open()
    expect(ui.page.locator("html")).to_have_attribute("lang", "en")


def test_motion_can_be_switched_off(ui: WebPage) -> None:
    moving = "document.getAnimations().map((animation) => animation.animationName ?? animation.transitionProperty)"
    ui.page.emulate_media(reduced_motion="reduce")
    running(ui)
    assert ui.page.evaluate(moving) == []
    ui.page.emulate_media(reduced_motion="no-preference")
    assert ui.page.evaluate(moving) != []
    ui.page.locator("#effects").click()
    # A transition that has already begun, under the pointer, runs to its end.
    ui.page.evaluate("Promise.allSettled(document.getAnimations().map((animation) => animation.finished))")
    assert ui.page.evaluate(moving) == []


def test_forced_colours_keep_marks_and_labels_apart(ui: WebPage) -> None:
    ui.page.emulate_media(forced_colors="active")
    ui.stub()
    done(ui)
    mark = ui.page.locator("mark[data-type=LOC]")
    lines = ui.page.evaluate(
        "[...document.querySelectorAll('mark')].map((mark) => getComputedStyle(mark).textDecorationStyle)"
    )
    assert len(lines) == 4
    assert len(set(lines)) == 3
    label = mark.evaluate("(mark) => getComputedStyle(mark, '::after').content")
    assert label == '"地点"'
    text, back = mark.evaluate("(mark) => [getComputedStyle(mark).color, getComputedStyle(mark).backgroundColor]")
    assert text != back


def test_print_shows_the_result_and_no_controls(ui: WebPage) -> None:
    ui.stub()
    done(ui)
    ui.page.emulate_media(media="print")
    expect(ui.page.locator("#output")).to_be_visible()
    expect(ui.page.locator("textarea")).to_be_hidden()
    expect(ui.page.locator("#detect")).to_be_hidden()
    expect(ui.page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")


@pytest.mark.parametrize("width", [320, 360, 768, 1280, 2560, 3840])
def test_no_screen_scrolls_sideways(ui: WebPage, width: int) -> None:
    ui.page.set_viewport_size({"width": width, "height": 900})
    ui.stub(lambda text: [("ORG", 0, len(text))])
    ui.write("https://" + "very-long-word" * 40 + "字" * 300).detect()
    ui.drop("名" * 80 + ".txt", b"x")
    assert ui.page.evaluate("document.documentElement.scrollWidth") <= width
