"""Hostile text stays text: as input, inside an entity, as its type, as a file's name, in a link, in the history.

The watch over every page (conftest) adds: no dialog, no foreign request, no report of the content security policy.
"""

from __future__ import annotations

import base64
import json
import re
import zlib

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import REPOSITORY, Watch
from tests.support.desk import Desk, answer

PAYLOADS = (REPOSITORY / "tests" / "support" / "payloads.txt").read_text().splitlines()
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
def test_the_tests_see_what_they_look_for(desk: Desk, watch: Watch, html: str, element: str, report: str) -> None:
    desk.page.evaluate("(html) => document.body.append(document.createRange().createContextualFragment(html))", html)
    assert element in desk.page.evaluate(FOREIGN)
    desk.page.wait_for_timeout(100)
    assert report in "".join(watch.faults)
    watch.faults.clear()


def test_the_list_is_as_long_as_a_cheat_sheet() -> None:
    assert len(set(PAYLOADS)) >= 100


def test_as_text_and_inside_an_entity(desk: Desk) -> None:
    desk.stub(lambda text: [("PER", 0, 2), ("ORG", 2, len(text) - 1)])
    for payload in PAYLOADS:
        text = f"马云{payload}。"
        assert [span for *_, span in desk.read(text).marks] == ["马云", payload]
        assert_clean(desk.page, payload)
    # Hovered, selected, filtered and exported, the last one lies in every other view too.
    desk.page.locator("mark").last.hover()
    desk.page.locator("mark").last.click()
    desk.page.fill("#filter", PAYLOADS[-1])
    desk.page.locator("#language").click()
    assert_clean(desk.page, "views")
    # The history holds the latest twenty and is drawn from storage after a reload.
    desk.page.reload()
    desk.page.locator("#history li").nth(5).wait_for()
    assert_clean(desk.page, "history")


def test_as_the_type_and_the_colour_of_an_entity(desk: Desk) -> None:
    types = ["PER"]
    desk.page.route(
        "**/ner",
        lambda route: route.fulfill(
            content_type="application/json",
            body=answer("马云在杭州", [(type_, index, index + 1) for index, type_ in enumerate(types)]),
        ),
    )
    desk.page.route(
        "**/model",
        lambda route: route.fulfill(
            content_type="application/json",
            body=json.dumps(
                {"name": PAYLOADS[0], "types": PAYLOADS[:5], "colors": dict.fromkeys(PAYLOADS[:5], "url(x)")}
            ),
        ),
    )
    desk.open()
    for first in range(0, len(PAYLOADS), 5):
        types[:] = PAYLOADS[first : first + 5]
        assert [mark[0] for mark in desk.read("马云在杭州").marks] == types
        assert_clean(desk.page, types[0])


def test_as_a_files_name_and_content(desk: Desk) -> None:
    for payload in PAYLOADS:
        desk.drop(payload + ".txt", payload.encode())
        desk.until("document.querySelector('textarea').value === argument", payload)
        assert desk.page.locator("#source-name").text_content() == payload + ".txt"
        assert_clean(desk.page, payload)
    desk.drop(PAYLOADS[0] + ".docx", b"no docx")
    desk.notice("unreadable").wait_for()
    assert_clean(desk.page, "unreadable")


def test_as_an_error_message(desk: Desk) -> None:
    desk.page.route(
        "**/ner",
        lambda route: route.fulfill(
            status=422,
            content_type="application/json",
            body=json.dumps({"error": {"code": PAYLOADS[0], "message": "".join(PAYLOADS[:20])}}),
        ),
    )
    desk.write("马云").detect()
    desk.notice("failed").wait_for()
    assert_clean(desk.page, "error")


def fragment(text: str) -> str:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(text.encode()) + packer.flush()
    return "#t=" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def follow(desk: Desk, hash_: str, notice: str) -> None:
    desk.page.evaluate(
        """async ([hash, notice]) => {
            location.hash = hash;
            while (!document.querySelector(`[data-kind=${notice}]`)) await new Promise((next) => setTimeout(next, 5));
        }""",
        [hash_, notice],
    )


def test_as_a_link(desk: Desk) -> None:
    asked = desk.stub()
    for payload in PAYLOADS:
        follow(desk, fragment(payload), "link")
        assert desk.text.input_value() == payload
        assert_clean(desk.page, payload)
        # The payload itself is no packed text: it must be refused.
        follow(desk, "#t=" + payload, "brokenLink")
        assert_clean(desk.page, payload)
    assert asked == []


def test_a_link_that_unpacks_without_end_is_refused(desk: Desk) -> None:
    desk.page.evaluate("(hash) => { location.hash = hash; }", fragment("字" * 5_000_000))
    desk.notice("brokenLink").wait_for()
    assert desk.text.input_value() == ""


@pytest.mark.parametrize("word", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcdoc"])
def test_no_source_parses_html(word: str) -> None:
    sources = [*(REPOSITORY / "static").rglob("*.js"), *(REPOSITORY / "static").rglob("*.html")]
    assert len(sources) > 20
    assert [path.name for path in sources if re.search(rf"\b{re.escape(word)}", path.read_text())] == []


def test_no_page_holds_inline_script_or_style() -> None:
    for path in (REPOSITORY / "static").glob("*.html"):
        html = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html), path.name
