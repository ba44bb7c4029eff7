"""Drives the web page as a user does, and replaces responses of the service where a test needs specific ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Locator, Page, Route

Found = tuple[str, int, int]
"""Type, start and end in code points."""
Recognise = Callable[[str], Sequence[Found]]
Mark = tuple[str, int, int, str]
"""Type, start, end and text of a `mark`."""

MARKS = """[...document.querySelectorAll('mark')].map((mark) =>
    [mark.dataset.type, Number(mark.dataset.start), Number(mark.dataset.end), mark.textContent])"""
SETTLED = """async () => {
    const cancel = document.querySelector('#cancel');
    const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
    for (const end = Date.now() + 30000; !cancel.hidden; await frame())
        if (Date.now() > end) throw new Error('the detection does not end');
    await frame();
    await frame();
}"""

APPEARANCES = [
    ("zh", "dark"),
    ("en", "light"),
    pytest.param("zh", "light", marks=pytest.mark.appearances),
    pytest.param("en", "dark", marks=pytest.mark.appearances),
]
"""Language and theme. Two of the four run in `make test`, all of them in `make test-ui`."""

EXAMPLE = "阿里巴巴集团创始人马云在杭州出席了由中国人工智能学会主办的技术峰会。"
EXAMPLE_ENTITIES = [
    ("ORG", 0, 6, "阿里巴巴集团"),
    ("PER", 9, 11, "马云"),
    ("LOC", 12, 14, "杭州"),
    ("ORG", 18, 26, "中国人工智能学会"),
]
COLORS = {"PER": "red", "LOC": "cyan", "ORG": "yellow"}
NAMES = {"马云": "PER", "屠呦呦": "PER", "杭州": "LOC", "北京": "LOC", "阿里巴巴集团": "ORG", "中国人工智能学会": "ORG"}


def names(text: str) -> list[Found]:
    """A recognizer of a few names."""
    return [(NAMES[match[0]], match.start(), match.end()) for match in re.finditer("|".join(NAMES), text)]


def response(text: str, found: Sequence[Found], score: float = 0.9) -> str:
    """The service's response for these entities."""
    data = [
        {
            "type": type_,
            "span": text[start:end],
            "start_offset": start,
            "end_offset": end,
            "score": score,
            "color": COLORS.get(type_, "white"),
            "source": "model",
        }
        for type_, start, end in found
    ]
    meta = {
        "model": "stub",
        "version": "1",
        "precision": "int8",
        "windows": 1,
        "cached": False,
        "offset_unit": "code_point",
        "timings_ms": {"total": 2.0, "queue": 0.5, "inference": 1.5},
    }
    return json.dumps({"success": True, "data": data, "meta": meta})


def error(code: str, message: str = "…") -> str:
    return json.dumps({"success": False, "error": {"code": code, "message": message}})


@dataclass(frozen=True)
class Drawn:
    """A result as drawn on the page."""

    text: str
    shown: str
    marks: list[Mark]


@dataclass(frozen=True)
class WebPage:
    """One open page."""

    page: Page
    url: str
    held: list[Route] = field(default_factory=list)

    def open(self, path: str = "") -> WebPage:
        self.page.goto(self.url + "/" + path)
        # The description of the model arrives last.
        self.until("document.querySelector('#hud-status').dataset.service !== ''")
        return self

    def stub(self, recognise: Recognise = names) -> list[str]:
        """Respond to `/ner` in the test. Returns the list of texts that were sent, which grows with each request."""
        asked: list[str] = []

        def fulfil(route: Route) -> None:
            text = json.loads(route.request.post_data_buffer or b"{}")["text"]
            asked.append(text)
            route.fulfill(content_type="application/json", body=response(text, recognise(text)))

        self.page.route("**/ner", fulfil)
        return asked

    def hold(self) -> list[Route]:
        """Hold back responses of `/ner`. Returns the list of held requests, which grows with each request."""
        self.page.route("**/ner", lambda route: self.held.append(route))
        return self.held

    def respond(self, route: Route, text: str, recognise: Recognise = names) -> None:
        """Respond to a held request."""
        route.fulfill(content_type="application/json", body=response(text, recognise(text)))

    def refuse(self, status: int, code: str, times: int = 1, headers: dict[str, str] | None = None) -> None:
        """Respond to the next requests of `/ner` with an error."""
        self.page.route(
            "**/ner",
            lambda route: route.fulfill(
                status=status, headers={"content-type": "application/json", **(headers or {})}, body=error(code)
            ),
            times=times,
        )

    @property
    def text(self) -> Locator:
        return self.page.locator("#text")

    @property
    def button(self) -> Locator:
        return self.page.locator("#detect")

    def notice(self, kind: str) -> Locator:
        return self.page.locator(f".notice[data-kind={kind}]")

    def until(self, condition: str, argument: object = None) -> None:
        """Wait until an expression over `argument` is true.

        Playwright's `wait_for_function` evaluates strings, which the page's content security policy forbids.
        """
        self.page.evaluate(
            f"""async (argument) => {{
                for (const end = Date.now() + 15000; !({condition}); ) {{
                    if (Date.now() > end) throw new Error('timed out');
                    await new Promise((next) => setTimeout(next, 10));
                }}
            }}""",
            argument,
        )

    def write(self, text: str) -> WebPage:
        """Set the text of the input, like a paste."""
        self.text.evaluate(
            "(area, text) => { area.value = text; area.dispatchEvent(new InputEvent('input', { bubbles: true })); }",
            text,
        )
        return self

    def detect(self) -> WebPage:
        """Start a detection and wait for its end."""
        self.page.evaluate("document.querySelector('#detect').click()")
        self.settle()
        return self

    def read(self, text: str) -> Drawn:
        """Set the text, detect it and return what is drawn, in one round trip: for tests of hundreds of texts."""
        drawn = self.page.evaluate(
            f"""async (text) => {{
                const area = document.querySelector('textarea');
                area.value = text;
                area.dispatchEvent(new InputEvent('input', {{ bubbles: true }}));
                document.querySelector('#detect').click();
                // Marks are drawn before the cancel button is hidden.
                const cancel = document.querySelector('#cancel');
                if (!cancel.hidden) await new Promise((done) => new MutationObserver(() => cancel.hidden && done())
                    .observe(cancel, {{ attributes: true }}));
                return {{
                    text: area.value,
                    shown: [...document.querySelectorAll('#output .block')].map((block) => block.textContent).join(''),
                    marks: {MARKS},
                }};
            }}""",
            text,
        )
        return Drawn(drawn["text"], drawn["shown"], [tuple(mark) for mark in drawn["marks"]])

    def settle(self) -> None:
        """Wait until no detection is running and everything is drawn."""
        self.page.evaluate(SETTLED)

    def marks(self) -> list[Mark]:
        return [tuple(mark) for mark in self.page.evaluate(MARKS)]

    def count(self, type_: str) -> int:
        return int(self.page.locator(f'[data-count="{type_}"]').inner_text().replace(",", ""))

    def drop(self, name: str, content: bytes) -> WebPage:
        """Drop a file on the page."""
        self.page.evaluate(
            """([name, bytes]) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([new Uint8Array(bytes)], name));
                const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
                document.body.dispatchEvent(new DragEvent('dragover', options));
                document.body.dispatchEvent(new DragEvent('drop', options));
            }""",
            [name, list(content)],
        )
        return self
