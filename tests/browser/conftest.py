"""A real browser on the real service. An error in the console, a violation of the content security policy, a dialog or
a request to another host fails the test that causes it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Error, Page, sync_playwright

from tests.support.web_page import WebPage

REPOSITORY = Path(__file__).resolve().parent.parent.parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EXPECTED = "Failed to load resource"
"""The console's message for an error status, which some tests cause on purpose."""


def missing(what: str) -> NoReturn:
    """Skip a test without its tool; fail in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing", pytrace=False)
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="package")
def browser() -> Generator[Browser]:
    # The headless shell draws the same pages in half the time.
    executable = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if executable is None:
        missing("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """Records what a page must not do."""

    faults: list[str] = field(default_factory=list)

    def over(self, page: Page, url: str) -> None:
        own = (url, "data:", f"blob:{url}", "about:")

        def request(address: str) -> None:
            if not address.startswith(own):
                self.faults.append(f"request to {address}")

        def dialog(opened: Dialog) -> None:
            self.faults.append(f"dialog: {opened.message}")
            opened.dismiss()

        def console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and EXPECTED not in message.text:
                self.faults.append(f"console: {message.text}")

        page.on("request", lambda sent: request(sent.url))
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("dialog", dialog)
        page.on("console", console)


@pytest.fixture(scope="package")
def context(browser: Browser) -> Generator[BrowserContext]:
    """Shared by all tests for its HTTP cache: the page loads forty files. Its storage is cleared before every test."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900},
        locale="zh-CN",
        accept_downloads=True,
        # Animations that do not end would be drawn all the time.
        reduced_motion="reduce",
    )
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def ui(context: BrowserContext, service_url: str, watch: Watch) -> Generator[WebPage]:
    """An open page of a browser that has stored nothing."""
    page = context.new_page()
    storage = {"origin": service_url, "storageTypes": "local_storage,session_storage,indexeddb"}
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", storage)
    watch.over(page, service_url)
    ui = WebPage(page, service_url)
    yield ui.open()
    for route in ui.held:
        with suppress(Error):
            route.abort()
    for open_page in context.pages:
        open_page.close()
    context.clear_permissions()
    assert watch.faults == []
