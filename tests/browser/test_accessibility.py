"""WCAG 2.2 AA as far as axe-core can tell, in every state and both languages; the keyboard alone; other media."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.desk import EXAMPLE, Desk

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def empty(_desk: Desk) -> None:
    """As it opens."""


def done(desk: Desk) -> None:
    desk.write(EXAMPLE).detect()
    desk.page.locator("mark").first.wait_for()


def selected(desk: Desk) -> None:
    done(desk)
    desk.page.locator("mark").first.click()
    desk.page.locator("mark").nth(1).hover()


def hidden_type(desk: Desk) -> None:
    done(desk)
    desk.page.locator("#legend button").first.click()


def running(desk: Desk) -> None:
    desk.page.unroute("**/ner")
    desk.hold()
    desk.write("马云在杭州。\n" * 3000).button.click()
    desk.page.get_by_role("progressbar").wait_for()


def waiting(desk: Desk) -> None:
    desk.page.unroute("**/ner")
    desk.refuse(429, "overloaded", headers={"retry-after": "30"})
    desk.write("马云").button.click()
    desk.notice("limited").wait_for()


def failed(desk: Desk) -> None:
    desk.page.unroute("**/ner")
    desk.page.route("**/ner", lambda route: route.abort("connectionrefused"))
    desk.write("马云").detect()
    desk.notice("offline").wait_for()


def key(desk: Desk) -> None:
    desk.page.unroute("**/ner")
    desk.refuse(401, "unauthorized")
    desk.write("马云").button.click()
    desk.page.get_by_role("dialog").wait_for()


def sheet(desk: Desk) -> None:
    desk.page.locator("#shortcuts-open").click()


def file(desk: Desk) -> None:
    desk.drop("文.txt", "马云\r\n在杭州".encode("gb18030"))
    desk.page.locator("#source").wait_for()


def plain(desk: Desk) -> None:
    done(desk)
    desk.page.locator("#effects").click()


def too_large(desk: Desk) -> None:
    desk.refuse(413, "text_too_long")
    desk.write("马云").detect()
    desk.notice("large").wait_for()


def starting(desk: Desk) -> None:
    desk.refuse(503, "not_ready", headers={"retry-after": "30"})
    desk.write("马云").button.click()
    desk.notice("unready").wait_for()


def unrecorded(desk: Desk) -> None:
    done(desk)
    desk.page.locator("#history li").first.wait_for()
    desk.page.locator("#keep").uncheck()


def all_types(desk: Desk) -> None:
    """What the model does not answer unasked, too: each type in its colour, with its line."""
    desk.page.unroute("**/ner")
    desk.stub(lambda _text: [(type_, at, at + 1) for at, type_ in enumerate(TYPES)])
    desk.write("人地机时职钱。").detect()
    for type_ in TYPES[3:]:
        desk.page.locator(f"#legend button[data-type={type_}]").click()
    expect(desk.page.locator("mark")).to_have_count(len(TYPES))


TYPES = ["PER", "LOC", "ORG", "TIME", "TITLE", "MONEY"]
STATES = [
    empty, done, selected, hidden_type, running, waiting, failed, key, sheet, file, plain,
    too_large, starting, unrecorded, all_types,
]  # fmt: skip


def violations(desk: Desk) -> list[str]:
    desk.page.evaluate(AXE)
    found = desk.page.evaluate("async (rules) => (await axe.run(document, rules)).violations", RULES)
    return [f"{rule['id']}: {[node['html'][:160] for node in rule['nodes'][:3]]}" for rule in found]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing(desk: Desk, state: Callable[[Desk], None], language: str) -> None:
    if language == "en":
        desk.page.locator("#language").click()
    desk.stub()
    state(desk)
    assert violations(desk) == []


@pytest.mark.parametrize("width", [360, 2560])
def test_axe_finds_nothing_on_other_screens(desk: Desk, width: int) -> None:
    desk.page.set_viewport_size({"width": width, "height": 1000})
    desk.stub()
    done(desk)
    assert violations(desk) == []


def test_axe_finds_nothing_on_the_api_page(desk: Desk) -> None:
    desk.page.goto(desk.url + "/docs")
    desk.page.locator(".verb").first.wait_for()
    expect(desk.page.get_by_text("/ner/batch", exact=True)).to_be_visible()
    assert violations(desk) == []


def focused(desk: Desk) -> str:
    return desk.page.evaluate("document.activeElement.id || document.activeElement.textContent")


def test_the_keyboard_alone_suffices(desk: Desk) -> None:
    keyboard = desk.page.keyboard
    desk.stub()
    keyboard.press("Tab")
    assert focused(desk) == "跳到输入框"
    keyboard.press("Enter")
    assert focused(desk) == "text"
    keyboard.insert_text("马云在杭州，马云在北京。")
    keyboard.press("Control+Enter")
    desk.page.locator("mark").first.wait_for()

    # Out of the text, a digit hides the first type; the same digit shows it.
    keyboard.press("Tab")
    keyboard.press("1")
    expect(desk.page.locator("mark")).to_have_count(2)
    keyboard.press("1")
    expect(desk.page.locator("mark")).to_have_count(4)

    # To the result by Tab; through it by arrows; Enter marks all of the name.
    for _ in range(30):
        if focused(desk) == "output":
            break
        keyboard.press("Tab")
    keyboard.press("ArrowRight")
    assert focused(desk) == "马云"
    expect(desk.page.get_by_role("tooltip")).to_contain_text("90%")
    expect(desk.page.get_by_role("tooltip")).to_contain_text("2 次")
    desk.page.evaluate("dispatchEvent(new Event('scroll'))")
    expect(desk.page.get_by_role("tooltip")).to_be_visible()
    keyboard.press("Enter")
    expect(desk.page.locator("mark.is-twin")).to_have_count(2)
    keyboard.press("End")
    assert focused(desk) == "北京"
    keyboard.press("ArrowLeft")
    assert focused(desk) == "马云"
    keyboard.press("Escape")
    expect(desk.page.locator("mark.is-twin")).to_have_count(0)
    expect(desk.page.get_by_role("tooltip")).to_be_hidden()

    keyboard.press("?")
    expect(desk.page.get_by_role("dialog")).to_be_visible()
    keyboard.press("Escape")
    expect(desk.page.get_by_role("dialog")).to_be_hidden()
    keyboard.press("/")
    assert focused(desk) == "text"
    # In the text the same keys are text.
    keyboard.press("End")
    keyboard.type("/?1")
    assert desk.text.input_value().endswith("/?1")


def test_every_stop_of_the_tab_key_can_be_seen(desk: Desk) -> None:
    desk.stub()
    done(desk)
    desk.page.evaluate("document.activeElement.blur()")
    stops = set()
    for _ in range(70):
        desk.page.keyboard.press("Tab")
        stop = desk.page.evaluate(
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


def test_single_key_shortcuts_can_be_switched_off(desk: Desk) -> None:
    desk.page.locator("#shortcuts-open").click()
    desk.page.get_by_role("switch", name="启用单键快捷键").uncheck()
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("?")
    expect(desk.page.get_by_role("dialog")).to_be_hidden()


def test_words_and_numbers_follow_the_language(desk: Desk) -> None:
    desk.stub()
    done(desk)
    desk.page.locator("#language").click()
    expect(desk.page.locator("html")).to_have_attribute("lang", "en")
    expect(desk.page.get_by_role("button", name="🚀 Start detection")).to_be_visible()
    expect(desk.page.get_by_role("button", name="Person PER 1")).to_be_visible()
    chinese = desk.page.evaluate(
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
    desk.open()
    expect(desk.page.locator("html")).to_have_attribute("lang", "en")


def test_nothing_moves_where_that_is_unwanted(desk: Desk) -> None:
    moving = "document.getAnimations().map((animation) => animation.animationName ?? animation.transitionProperty)"
    desk.page.emulate_media(reduced_motion="reduce")
    running(desk)
    assert desk.page.evaluate(moving) == []
    desk.page.emulate_media(reduced_motion="no-preference")
    assert desk.page.evaluate(moving) != []
    desk.page.locator("#effects").click()
    # A transition that had begun, under the pointer, ends by itself.
    desk.page.wait_for_timeout(300)
    assert desk.page.evaluate(moving) == []


def test_forced_colours_keep_marks_and_labels_apart(desk: Desk) -> None:
    desk.page.emulate_media(forced_colors="active")
    desk.stub()
    done(desk)
    mark = desk.page.locator("mark[data-type=LOC]")
    lines = desk.page.evaluate(
        "[...document.querySelectorAll('mark')].map((mark) => getComputedStyle(mark).textDecorationStyle)"
    )
    assert len(lines) == 4
    assert len(set(lines)) == 3
    label = mark.evaluate("(mark) => getComputedStyle(mark, '::after').content")
    assert label == '"地点"'
    text, back = mark.evaluate("(mark) => [getComputedStyle(mark).color, getComputedStyle(mark).backgroundColor]")
    assert text != back


def test_print_shows_the_result_and_no_controls(desk: Desk) -> None:
    desk.stub()
    done(desk)
    desk.page.emulate_media(media="print")
    expect(desk.page.locator("#output")).to_be_visible()
    expect(desk.page.locator("textarea")).to_be_hidden()
    expect(desk.page.locator("#detect")).to_be_hidden()
    expect(desk.page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")


@pytest.mark.parametrize("width", [320, 360, 768, 1280, 2560, 3840])
def test_no_screen_scrolls_sideways(desk: Desk, width: int) -> None:
    desk.page.set_viewport_size({"width": width, "height": 900})
    desk.stub(lambda text: [("ORG", 0, len(text))])
    desk.write("https://" + "very-long-word" * 40 + "字" * 300).detect()
    desk.drop("名" * 80 + ".txt", b"x")
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= width
