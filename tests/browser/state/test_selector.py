"""The selector of the model, for a service that has several."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.support.web_page import WebPage, response


@pytest.fixture
def asked(ui: WebPage) -> list[dict[str, Any]]:
    """The bodies of the requests to a service with two models."""
    asked: list[dict[str, Any]] = []

    def models(route: Route) -> None:
        described = route.fetch().json()
        [news] = described["models"]
        resume = {**news, "id": "resume", "name": "raner-resume", "types": ["TITLE"], "default_types": ["TITLE"]}
        route.fulfill(json={**described, "models": [{**news, "id": "news"}, resume]})

    def ner(route: Route) -> None:
        asked.append(json.loads(route.request.post_data_buffer or b"{}"))
        route.fulfill(content_type="application/json", body=response("经理", [("TITLE", 0, 2)]))

    ui.page.route("**/models", models)
    ui.page.route("**/ner", ner)
    return asked


def test_it_is_hidden_if_the_service_has_one_model(ui: WebPage) -> None:
    expect(ui.page.locator("#served-field")).to_be_hidden()
    ui.write("马云").detect()
    assert ui.marks()[0][3] == "马云"


def test_the_selected_model_is_asked_and_stays_selected(ui: WebPage, asked: list[dict[str, Any]]) -> None:
    before = ui.page.locator("#detect").bounding_box()
    ui.open()
    selector = ui.page.get_by_label("模型", exact=True)
    expect(selector).to_have_value("news")
    # It appears in a row that was there without it.
    assert ui.page.locator("#detect").bounding_box() == before
    ui.write("经理").detect()
    assert "model" not in asked[0]
    selector.select_option("resume")
    expect(ui.page.locator("[data-model=name]")).to_have_text("raner-resume")
    assert ui.page.locator("#output-panel.is-stale").count() == 1
    ui.detect()
    assert asked[1] == {"text": "经理", "model": "resume"}
    ui.open()
    expect(selector).to_have_value("resume")
    expect(ui.page.locator("[data-model=name]")).to_have_text("raner-resume")


def test_a_selected_model_that_is_gone_gives_way_to_the_default_one(ui: WebPage, asked: list[dict[str, Any]]) -> None:
    ui.open()
    ui.page.get_by_label("模型", exact=True).select_option("resume")
    ui.page.unroute("**/models")
    ui.open()
    expect(ui.page.locator("#served-field")).to_be_hidden()
    ui.write("经理").detect()
    assert "model" not in asked[0]
