"""A document of 100,000 characters with 5,000 entities: shown at once, and smooth to scroll and to toggle."""

from __future__ import annotations

import gzip

from browser.conftest import REPOSITORY
from browser.desk import Desk

SENTENCE = "马云昨日到了杭州，"
DOCUMENT = "".join(SENTENCE + "话" * 30 + ("。\n\n" if number % 9 == 8 else "。") for number in range(2500))[:100_000]
FIRST_PAINT_MS = 1000
FRAME_MS = 200
ASSETS_BYTES = 300_000

WATCH_FIRST_PAINT = """() => {
    const output = document.querySelector('#output');
    new MutationObserver((_, observer) => {
        if (!output.querySelector('mark')) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => {
            const [answer] = performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/ner'));
            window.firstPaint = performance.now() - answer.responseEnd;
        }));
    }).observe(output, { childList: true, subtree: true });
}"""
"""Milliseconds from the first answer's last byte to the frame after the first mark."""

LONGEST_FRAME = """async (act) => {
    const steps = {
        scroll: (turn) => { output.scrollTop = (turn * 977) % output.scrollHeight; },
        toggle: (turn) => { legend.querySelectorAll('button')[turn % 3].click(); },
        slide: (turn) => { threshold.value = turn % 100; threshold.dispatchEvent(new Event('input')); },
        select: (turn) => { document.querySelectorAll('mark')[turn * 7].click(); },
    };
    const output = document.querySelector('#output');
    const legend = document.querySelector('#legend');
    const threshold = document.querySelector('#threshold');
    const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
    let longest = 0;
    let last = await frame();
    for (let turn = 1; turn <= 30; turn++) {
        steps[act](turn);
        const now = await frame();
        longest = Math.max(longest, now - last);
        last = now;
    }
    return longest;
}"""


def longest_frame(desk: Desk, act: str) -> float:
    """The better of two runs: what the page needs, not what else this machine was doing."""
    return min(desk.page.evaluate(LONGEST_FRAME, act) for _ in range(2))


def test_5000_entities_in_100000_characters(desk: Desk) -> None:
    desk.stub()
    assert len(DOCUMENT) == 100_000
    desk.page.evaluate(WATCH_FIRST_PAINT)
    desk.write(DOCUMENT).detect()
    assert len(desk.marks()) >= 4900
    first = desk.page.evaluate("window.firstPaint")
    frames = {act: longest_frame(desk, act) for act in ("scroll", "toggle", "slide", "select")}
    assert first <= FIRST_PAINT_MS
    assert all(longest <= FRAME_MS for longest in frames.values()), frames


def test_the_pages_own_assets_stay_small() -> None:
    files = [
        path for path in (REPOSITORY / "static").rglob("*") if path.suffix in {".html", ".css", ".js", ".svg", ".woff2"}
    ]
    size = sum(len(gzip.compress(path.read_bytes())) for path in files)
    assert size <= ASSETS_BYTES
