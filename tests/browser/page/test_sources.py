"""The page's sources: complete translations, small files, and no URL of another host."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser
from typing import ClassVar

import pytest

from tests.browser.conftest import REPOSITORY
from tests.support.web_page import WebPage

STATIC = REPOSITORY / "static"
ASSETS = {".html", ".css", ".js", ".svg", ".woff2"}
ASSETS_BYTES = 300_000


def strings(ui: WebPage) -> dict[str, dict[str, str]]:
    return ui.page.evaluate("async () => (await import('/static/js/core/language/strings.js')).STRINGS")


def test_both_languages_have_the_same_strings(ui: WebPage) -> None:
    tables = strings(ui)
    assert tables["zh"].keys() == tables["en"].keys()
    holes = {language: {key: sorted(_holes(text)) for key, text in table.items()} for language, table in tables.items()}
    assert holes["zh"] == holes["en"]


def _holes(text: str) -> list[str]:
    return [part.split("}")[0] for part in text.split("{")[1:]]


class Words(HTMLParser):
    """The texts of a page with the keys of their translations."""

    ATTRIBUTES: ClassVar = {"data-t-label": "aria-label", "data-t-title": "title", "data-t-placeholder": "placeholder"}

    def __init__(self) -> None:
        super().__init__()
        self.words: list[tuple[str, str]] = []
        self._key: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self._key = named.get("data-t")
        for key, attribute in self.ATTRIBUTES.items():
            if key in named:
                self.words.append((named[key], named[attribute]))

    def handle_data(self, data: str) -> None:
        if self._key:
            self.words.append((self._key, data))
            self._key = None


@pytest.mark.parametrize("page", ["index.html", "docs.html"])
def test_the_chinese_in_the_html_is_the_chinese_of_the_table(ui: WebPage, page: str) -> None:
    words = Words()
    words.feed((STATIC / page).read_text())
    chinese = strings(ui)["zh"]
    assert len(words.words) > 3
    assert [(key, text) for key, text in words.words if chinese[key] != text] == []


def test_every_module_is_short() -> None:
    lengths = {str(path.relative_to(STATIC)): len(path.read_text().splitlines()) for path in STATIC.glob("js/**/*.js")}
    assert max(lengths.values()) <= 250, lengths


def test_no_served_file_names_another_host() -> None:
    # Specifications in comments, the licence line of the built style, and a namespace that is never fetched.
    named = {"www.w3.org", "schemas.openxmlformats.org", "brat.nlplab.org", "tailwindcss.com"}
    for path in [*STATIC.glob("*.html"), *STATIC.glob("*.css"), *STATIC.glob("*.svg"), *(STATIC / "js").rglob("*.js")]:
        assert set(re.findall(r"https?://([\w.-]+)", path.read_text())) <= named, path.name


def test_the_assets_stay_small() -> None:
    files = [path for path in STATIC.rglob("*") if path.suffix in ASSETS]
    assert len(files) > 40
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) <= ASSETS_BYTES


def test_the_notice_about_javascript_comes_first() -> None:
    assert re.search(r"<body>\s*<noscript>", (STATIC / "index.html").read_text())
