"""Hostile text stays text: in the input, in an entity, as its type, as a file name, in a link, in the history.

The `watch` fixture (conftest) also fails on a dialog, a request to another host or a violation of the content security
policy.
"""

from __future__ import annotations

import base64
import json
import re
import zlib

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import REPOSITORY, Watch
from tests.support.web_page import Found, WebPage, response

PAYLOADS = (REPOSITORY / "tests" / "support" / "texts" / "payloads.txt").read_text().splitlines()
GROUPS = [PAYLOADS[first : first + 5] for first in range(0, len(PAYLOADS), 5)]
"""The payloads by five, because each round trip to the browser takes a tenth of a second."""
FOREIGN = """async () => {
    // Table, bars and map are drawn in the next frame.
    await new Promise((drawn) => requestAnimationFrame(drawn));
    const faults = [];
    for (const element of document.querySelectorAll('*')) {
        const name = element.localName;
        if (['iframe', 'frame', 'object', 'embed', 'base', 'img', 'video', 'audio', 'style', 'math'].includes(name))
            faults.push(name);
        if (name === 'script' && element.getAttribute('src') !== 'static/js/main.js') faults.push('script');
        if (name === 'form' && element.id !== 'key-form') faults.push('form');
        if (['link', 'meta'].includes(name) && element.parentElement !== document.head) faults.push(name);
        for (const { name: attribute, value } of element.attributes) {
            if (/^on/i.test(attribute)) faults.push(`${name} ${attribute}`);
            if (/^(href|src|action|formaction|xlink:href)$/i.test(attribute) && !/^(#|static\\/|docs|\\.)/.test(value))
                faults.push(`${name} ${attribute}=${value}`);
        }
    }
    return faults;
}"""


def assert_clean(page: Page, payload: str) -> None:
    assert page.evaluate(FOREIGN) == [], payload


@pytest.mark.parametrize(
    ("html", "element", "report"),
    [
        ("<img src=x onerror=alert(1)>", "img onerror", "Content Security Policy"),
        ("<a href='javascript:alert(1)'>", "a href=javascript:alert(1)", ""),
        ("<img src='http://other.invalid/x'>", "img src=http://other.invalid/x", "Content Security Policy"),
    ],
)
def test_the_checks_detect_hostile_elements(ui: WebPage, watch: Watch, html: str, element: str, report: str) -> None:
    add = "(html) => document.body.append(document.createRange().createContextualFragment(html))"
    if report:
        with ui.page.expect_console_message(lambda message: report in message.text):
            ui.page.evaluate(add, html)
    else:
        ui.page.evaluate(add, html)
    assert element in ui.page.evaluate(FOREIGN)
    assert report in "".join(watch.faults)
    watch.faults.clear()


def test_the_list_has_a_hundred_payloads() -> None:
    assert len(set(PAYLOADS)) >= 100


def names_and_payloads(text: str) -> list[Found]:
    """An entity for the name at the beginning of each line, and one for what stands between it and the full stop."""
    lines = [(match.start(), match.end()) for match in re.finditer(r"马云.+。\n", text)]
    return [
        found
        for start, end in lines
        for found in (("PER", start, start + len("马云")), ("ORG", start + len("马云"), end - len("。\n")))
    ]


def test_as_text_and_inside_an_entity(ui: WebPage) -> None:
    ui.stub(names_and_payloads)
    for group in GROUPS:
        text = "".join(f"马云{payload}。\n" for payload in group)
        assert [span for *_, span in ui.read(text).marks] == [span for payload in group for span in ("马云", payload)]
        assert_clean(ui.page, group[0])
    # Hovering, selecting and filtering shows the last one in the other views too.
    ui.page.locator("mark").last.hover()
    ui.page.locator("mark").last.click()
    ui.page.fill("#filter", PAYLOADS[-1])
    ui.page.locator("#language").click()
    assert_clean(ui.page, "views")
    # After a reload, the history is drawn from storage.
    ui.page.reload()
    ui.page.locator("#history li").nth(5).wait_for()
    assert_clean(ui.page, "history")


def test_as_the_type_and_the_colour_of_an_entity(ui: WebPage) -> None:
    types = ["PER"]
    ui.page.route(
        "**/ner",
        lambda route: route.fulfill(
            content_type="application/json",
            body=response("马云在杭州", [(type_, index, index + 1) for index, type_ in enumerate(types)]),
        ),
    )
    ui.page.route(
        "**/model",
        lambda route: route.fulfill(
            content_type="application/json",
            body=json.dumps(
                {"name": PAYLOADS[0], "types": PAYLOADS[:5], "colors": dict.fromkeys(PAYLOADS[:5], "url(x)")}
            ),
        ),
    )
    ui.open()
    for group in GROUPS:
        types[:] = group
        assert [mark[0] for mark in ui.read("马云在杭州").marks] == types
        assert_clean(ui.page, types[0])


def test_as_a_files_name_and_content(ui: WebPage) -> None:
    for payload in PAYLOADS:
        ui.drop(payload + ".txt", payload.encode())
        ui.until("document.querySelector('textarea').value === argument", payload)
        assert ui.page.locator("#source-name").text_content() == payload + ".txt"
        assert_clean(ui.page, payload)
    ui.drop(PAYLOADS[0] + ".docx", b"no docx")
    ui.notice("unreadable").wait_for()
    assert_clean(ui.page, "unreadable")


def test_as_an_error_message(ui: WebPage) -> None:
    ui.page.route(
        "**/ner",
        lambda route: route.fulfill(
            status=422,
            content_type="application/json",
            body=json.dumps({"error": {"code": PAYLOADS[0], "message": "".join(PAYLOADS[:20])}}),
        ),
    )
    ui.write("马云").detect()
    ui.notice("failed").wait_for()
    assert_clean(ui.page, "error")


def fragment(text: str) -> str:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(text.encode()) + packer.flush()
    return "#t=" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def follow(ui: WebPage, hash_: str, notice: str) -> None:
    ui.page.evaluate(
        """async ([hash, notice]) => {
            location.hash = hash;
            while (!document.querySelector(`[data-kind=${notice}]`)) await new Promise((next) => setTimeout(next, 5));
        }""",
        [hash_, notice],
    )


def test_as_a_link(ui: WebPage) -> None:
    asked = ui.stub()
    for group in GROUPS:
        text = "\n".join(group)
        follow(ui, fragment(text), "link")
        assert ui.text.input_value() == text
        assert_clean(ui.page, text)
        # The payloads themselves are not a valid fragment.
        follow(ui, "#t=" + "".join(group), "brokenLink")
        assert_clean(ui.page, text)
    assert asked == []


def test_a_link_that_unpacks_to_a_huge_text_is_refused(ui: WebPage) -> None:
    ui.page.evaluate("(hash) => { location.hash = hash; }", fragment("字" * 5_000_000))
    ui.notice("brokenLink").wait_for()
    assert ui.text.input_value() == ""


@pytest.mark.parametrize("word", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcdoc"])
def test_no_source_parses_html(word: str) -> None:
    sources = [*(REPOSITORY / "static").rglob("*.js"), *(REPOSITORY / "static").rglob("*.html")]
    assert len(sources) > 20
    assert [path.name for path in sources if re.search(rf"\b{re.escape(word)}", path.read_text())] == []


def test_no_page_has_inline_script_or_style() -> None:
    for path in (REPOSITORY / "static").glob("*.html"):
        html = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html), path.name
