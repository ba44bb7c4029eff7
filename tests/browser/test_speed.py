"""Long documents: what the page must not do to stay fast. How fast it is, `make bench-ui` measures."""

from __future__ import annotations

import json

from tests.support.desk import Desk, names
from tests.support.long_document import DOCUMENT, PAIRS

WATCH_BLOCKS = """() => {
    const blocks = [...document.querySelectorAll('#output .block')];
    window.redrawn = new Set();
    const blockOf = (node) => blocks.findIndex((block) => block.contains(node));
    new MutationObserver((records) => records.forEach(({ target }) => window.redrawn.add(blockOf(target))))
        .observe(document.querySelector('#output'), { childList: true, characterData: true, subtree: true });
}"""


def redrawn(desk: Desk) -> list[int]:
    """The blocks of text that were made anew since the last call."""
    return desk.page.evaluate(
        """async () => {
            await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
            const blocks = [...window.redrawn].sort((a, b) => a - b);
            window.redrawn.clear();
            return blocks;
        }"""
    )


def test_5000_entities_in_100000_characters(desk: Desk) -> None:
    asked = desk.stub(
        lambda text: [*names(text), *([("ORG", len(text) - 2, len(text))] if text.endswith("话话") else [])]
    )
    drawn = desk.read(DOCUMENT)
    assert len(drawn.marks) == 2 * PAIRS + 1
    assert drawn.shown == DOCUMENT

    # Asked for in pieces, the first one small: results appear while the rest is being read.
    assert len(min(asked, key=DOCUMENT.index)) <= 2000
    assert all(len(text) <= 6000 for text in asked)

    # Only what is in view is laid out.
    blocks = desk.page.locator("#output .block").count()
    assert blocks > 50
    laid_out = desk.page.evaluate(
        "[...document.querySelectorAll('#output .block')]"
        ".filter((block) => block.querySelector('mark')?.checkVisibility({ contentVisibilityAuto: true })).length"
    )
    assert 0 < laid_out <= 12

    # Scrolling draws nothing, hiding a type only the blocks that have it, marking a name none.
    desk.page.evaluate(WATCH_BLOCKS)
    desk.page.evaluate("document.querySelector('#output').scrollTop = 1e5")
    assert redrawn(desk) == []
    desk.page.locator("#legend button[data-type=ORG]").click()
    assert len(redrawn(desk)) == 1
    desk.page.evaluate("document.querySelector('mark').click()")
    assert desk.page.locator("mark.is-twin").count() == PAIRS
    assert redrawn(desk) == []

    # Lists have pages.
    desk.page.locator("#grouped").uncheck()
    desk.settle()
    assert desk.page.locator("#table-body tr").count() == 100
    assert desk.page.locator("#bars li").count() <= 8


def test_an_answer_redraws_only_its_own_blocks(desk: Desk) -> None:
    held = desk.hold()
    desk.write(DOCUMENT).button.click()
    desk.until("document.querySelectorAll('#output .block').length > 50")
    while not held:
        desk.page.wait_for_timeout(20)
    desk.page.evaluate(WATCH_BLOCKS)
    text = json.loads(held[0].request.post_data_buffer or b"{}")["text"]
    desk.answer(held[0], text)
    desk.page.locator("mark").first.wait_for()
    # A piece of 2,000 characters lies in two or three blocks.
    assert 0 < len(redrawn(desk)) <= 4
