"""The service goes away and comes back under an open page."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.browser.conftest import Watch
from tests.support.servers.service import REPOSITORY, bentoml, environment, free_port, stop
from tests.support.web_page import EXAMPLE, EXAMPLE_ENTITIES, WebPage

OFFLINE_MS = 5000
"""How soon the page says that the service is gone."""
START_S = 120
LONG = "".join(f"第{number}段：马云到了杭州，然后去北京。\n" for number in range(1000))


def unreachable(page: Page) -> None:
    for path in ("readyz", "model", "ner", "metrics"):
        page.route(f"**/{path}", lambda route: route.abort("connectionrefused"))


def reachable(page: Page) -> None:
    for path in ("readyz", "model", "ner", "metrics"):
        page.unroute(f"**/{path}")


def test_an_idle_page_notices_that_the_service_is_gone_and_back(ui: WebPage) -> None:
    status = ui.page.locator("#hud-status")
    expect(status).to_have_text("在线")
    unreachable(ui.page)
    expect(status).to_have_text("离线", timeout=OFFLINE_MS)
    reachable(ui.page)
    expect(status).to_have_text("在线", timeout=OFFLINE_MS)


def test_a_service_that_starts_is_not_ready(ui: WebPage) -> None:
    ui.page.route("**/readyz", lambda route: route.fulfill(status=503))
    expect(ui.page.locator("#hud-status")).to_have_text("未就绪", timeout=OFFLINE_MS)


def test_an_interrupted_document_continues_by_itself(ui: WebPage) -> None:
    sent = ui.stub()
    ui.page.route("**/ner", lambda route: route.abort("connectionfailed") if len(sent) >= 2 else route.fallback())
    ui.write(LONG).button.click()
    expect(ui.notice("offline")).to_be_visible()
    assert 0 < len(ui.marks()) < 3000
    ui.page.unroute("**/ner")
    rest = ui.stub()
    expect(ui.page.locator("#status")).to_have_text("找到 3,000 个实体")
    expect(ui.notice("offline")).to_have_count(0)
    assert sent[0] not in rest, "finished parts are not sent again"


def test_an_edited_text_is_not_sent_when_the_service_is_back(ui: WebPage) -> None:
    ui.page.route("**/ner", lambda route: route.abort("connectionrefused"))
    ui.write("马云在杭州").detect()
    expect(ui.notice("offline")).to_be_visible()
    ui.write("我还没有写完")
    ui.page.unroute("**/ner")
    sent = ui.stub()
    expect(ui.notice("offline")).to_have_count(0)
    ui.write("马云在北京").detect()
    assert sent == ["马云在北京"]


@contextmanager
def service(port: int, log: Path) -> Generator[None]:
    """The service on a fixed port, so that it can be started again at the same address."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            bentoml("serve", "service:Raner"),
            cwd=REPOSITORY,
            env=environment(RANER_PORT=str(port), RANER_WORKERS="1", RANER_THREADS="1"),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(port, process, log)
        yield
    finally:
        stop(process)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if client.get("/readyz").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
    raise AssertionError(log.read_text())


def test_a_restart_of_the_service_loses_no_document(context: BrowserContext, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    watch = Watch()
    page = context.new_page()
    watch.over(page, url)
    ui = WebPage(page, url)
    with service(port, tmp_path / "service.log"):
        ui.open()
        ui.write(EXAMPLE).detect()
        assert ui.marks() == EXAMPLE_ENTITIES
    expect(page.locator("#hud-status")).to_have_text("离线", timeout=OFFLINE_MS)
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.url.endswith("/ner") else None)
    text = f"昨天，{EXAMPLE}"
    ui.write(text).button.click()
    expect(ui.notice("offline")).to_be_visible()
    assert ui.marks() == EXAMPLE_ENTITIES, "the last result stays"
    with service(port, tmp_path / "service.log"):
        expect(page.locator("#hud-status")).to_have_text("在线", timeout=OFFLINE_MS)
        expect(page.locator("#output .block")).to_have_text([text])
        expect(page.locator("mark")).to_have_count(len(EXAMPLE_ENTITIES))
        assert len(sent) >= 2
        page.close()
    assert watch.faults == []
