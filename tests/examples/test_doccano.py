"""The mapping template for doccano's auto labeling: rendered as doccano renders it."""

from __future__ import annotations

import json

import httpx
from jinja2 import Template

from tests.support.servers.service import REPOSITORY
from tests.support.texts.examples import EXAMPLE, EXAMPLE_SPANS

TEMPLATE = (REPOSITORY / "examples" / "doccano" / "mapping.jinja").read_text(encoding="utf-8")


def mapped(client: httpx.Client, text: str) -> list[tuple[str, int, int]]:
    response = client.post("/ner", json={"text": text}).json()
    labels = json.loads(Template(TEMPLATE).render(input=response))
    return [(label["label"], label["start_offset"], label["end_offset"]) for label in labels]


def test_entities_become_labels(client: httpx.Client) -> None:
    assert mapped(client, EXAMPLE) == EXAMPLE_SPANS
    assert mapped(client, f"😀{EXAMPLE}")[0] == ("ORG", 1, 7)


def test_a_text_without_entities_gets_no_label(client: httpx.Client) -> None:
    assert mapped(client, "今天天气很好。") == []
