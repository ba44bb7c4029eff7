"""Long documents: work that the page must not do. `make bench-ui` measures its speed."""

from __future__ import annotations

import json

from tests.support.texts.long_document import DOCUMENT, PAIRS
from tests.support.web_page import WebPage, names

WATCH_BLOCKS = """() => {
    const blocks = [...document.querySelectorAll('#output .block')];
    window.redrawn = new Set();
    const blockOf = (node) => blocks.findIndex((block) => block.contains(node));
    new MutationObserver((records) => records.forEach(({ target }) => window.redrawn.add(blockOf(target))))
        .observe(document.querySelector('#output'), { childList: true, characterData: true, subtree: true });
}"""


def redrawn(ui: WebPage) -> list[int]:
    """The blocks of text that were drawn again since the last call."""
    return ui.page.evaluate(
        """async () => {
            await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
            const blocks = [...window.redrawn].sort((a, b) => a - b);
            window.redrawn.clear();
            return blocks;
        }"""
    )


def test_5000_entities_in_100000_characters(ui: WebPage) -> None:
    sent = ui.stub(lambda text: [*names(text), *([("ORG", len(text) - 2, len(text))] if text.endswith("话话") else [])])
    drawn = ui.read(DOCUMENT)
    assert len(drawn.marks) == 2 * PAIRS + 1
    assert drawn.shown == DOCUMENT

    # Sent in parts, the first one small: results appear while the rest is processed.
    assert len(min(sent, key=DOCUMENT.index)) <= 2000
    assert all(len(text) <= 6000 for text in sent)

    # Only what is in view is laid out.
    blocks = ui.page.locator("#output .block").count()
    assert blocks > 50
    laid_out = ui.page.evaluate(
        "[...document.querySelectorAll('#output .block')]"
        ".filter((block) => block.querySelector('mark')?.checkVisibility({ contentVisibilityAuto: true })).length"
    )
    assert 0 < laid_out <= 12

    # Scrolling draws nothing, hiding a type draws only the blocks that have it, selecting draws none.
    ui.page.evaluate(WATCH_BLOCKS)
    ui.page.evaluate("document.querySelector('#output').scrollTop = 1e5")
    assert redrawn(ui) == []
    ui.page.locator("#legend button[data-type=ORG]").click()
    assert len(redrawn(ui)) == 1
    ui.page.evaluate("document.querySelector('mark').click()")
    assert ui.page.locator("mark.is-twin").count() == PAIRS
    assert redrawn(ui) == []

    # Lists have pages.
    ui.page.locator("#grouped").uncheck()
    ui.settle()
    assert ui.page.locator("#table-body tr").count() == 100
    assert ui.page.locator("#bars li").count() <= 8


def test_a_response_redraws_only_its_own_blocks(ui: WebPage) -> None:
    held = ui.hold()
    with ui.page.expect_request("**/ner"):
        ui.write(DOCUMENT).button.click()
    ui.until("document.querySelectorAll('#output .block').length > 50")
    ui.page.evaluate(WATCH_BLOCKS)
    text = json.loads(held[0].request.post_data_buffer or b"{}")["text"]
    ui.respond(held[0], text)
    ui.page.locator("mark").first.wait_for()
    # A part of 2,000 characters spans two or three blocks.
    assert 0 < len(redrawn(ui)) <= 4
