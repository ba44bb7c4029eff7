"""Lexicons over HTTP."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ner_runtime.serving.api.responses import ModelResponse, ModelsResponse
from tests.support.servers.service import PATIENCE_S, Server, serve
from tests.support.servers.workers import wait_for

TEXT = "我们公司今天下午开会讨论方案。"
EVENT = ("EVENT", "开会", "lexicon")


def write(folder: Path, name: str, *lines: str) -> None:
    """Replace a file of the directory at once."""
    new = folder / f".{name}.new"
    new.write_text("\n".join(lines), encoding="utf-8")
    os.replace(new, folder / name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lexicons")
    write(folder, "events.tsv", "开会\tEVENT")
    write(folder, "changing.tsv", "公司\tFIRM")
    write(folder, "notes.txt", "not a lexicon")
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Generator[Server]:
    settings = {"RANER_LEXICONS": str(folder), "RANER_DEFAULT_LEXICONS": "events", "RANER_MAX_LEXICON_ENTRIES": "3"}
    with serve(folder / "log", RANER_WORKERS="1", RANER_THREADS="1", **settings) as server:
        yield server


@pytest.fixture
def client(service: Server) -> Generator[httpx.Client]:
    with service.client() as client:
        yield client


def ner(client: httpx.Client, **options: Any) -> list[tuple[str, str, str]]:
    response = client.post("/ner", json={"text": TEXT, **options})
    assert response.status_code == 200, response.text
    return [(entity["type"], entity["span"], entity["source"]) for entity in response.json()["data"]]


def error(client: httpx.Client, **options: Any) -> tuple[int, str, str]:
    response = client.post("/ner", json={"text": TEXT, **options})
    return response.status_code, response.json()["error"]["code"], response.json()["error"]["message"]


def test_a_request_without_lexicons_uses_the_default_ones(client: httpx.Client) -> None:
    assert ner(client) == [EVENT]
    assert ner(client, lexicons=[]) == []


def test_the_models_are_listed_with_the_lexicons(client: httpx.Client) -> None:
    [model] = ModelsResponse.model_validate_json(client.get("/models").content).models
    assert model.limits.max_lexicon_entries == 3
    assert [(one.name, one.entries, one.types) for one in model.lexicons] == [
        ("changing", 1, ["FIRM"]),
        ("events", 1, ["EVENT"]),
    ]


def test_a_request_selects_lexicons_by_name(client: httpx.Client) -> None:
    assert ner(client, lexicons=["changing"]) == [("FIRM", "公司", "lexicon")]
    assert ner(client, lexicons=["changing", "events"]) == [("FIRM", "公司", "lexicon"), EVENT]
    status, code, message = error(client, lexicons=["brands"])
    assert (status, code) == (422, "unknown_lexicon")
    assert message == "unknown lexicon 'brands'; the lexicons of this service are: changing, events"


def test_a_request_can_bring_entries(client: httpx.Client) -> None:
    plan = {"text": "方案", "type": "PLAN", "color": "#00f0ff"}
    own = {"force": [plan], "forbid": [{"text": "开会", "type": "EVENT"}]}
    assert ner(client, lexicon=own) == [("PLAN", "方案", "lexicon")]
    assert ner(client, lexicon=own, min_score=1.0) == [("PLAN", "方案", "lexicon")]
    assert ner(client, lexicon=own, types=["PER"]) == []
    assert ner(client, lexicon={}) == [EVENT]
    [entity] = client.post("/ner", json={"text": TEXT, "lexicons": [], "lexicon": own}).json()["data"]
    assert entity["color"] == "#00f0ff"


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"prefer": [{"text": "", "type": "X"}]}, "lexicon.prefer.0.text: is empty"),
        ({"hint": [{"text": "a", "type": "X", "weight": 1000}]}, "lexicon.hint.0.weight: should be between -100"),
        ({"force": [{"text": "a"}]}, "lexicon.force.0.type: field required"),
        ({"must": []}, "lexicon.must: extra inputs are not permitted"),
        ({"prefer": [{"text": "a", "type": "X"}] * 4}, "lexicon: 4 entries; the limit is 3"),
    ],
)
def test_a_wrong_entry_is_an_invalid_value(client: httpx.Client, own: Any, message: str) -> None:
    status, code, shown = error(client, lexicon=own)
    assert (status, code) == (422, "invalid_value")
    assert shown.startswith(message)


def test_the_digest_is_in_meta_and_separates_cached_results(client: httpx.Client) -> None:
    text = f"{TEXT}缓存。"
    own = {"prefer": [{"text": "方案", "type": "PLAN"}]}
    first, plain, again = (
        client.post("/ner", json={"text": text, **options}).json()
        for options in ({"lexicon": own}, {"lexicons": []}, {"lexicon": own})
    )
    assert (first["meta"]["cached"], plain["meta"]["cached"], again["meta"]["cached"]) == (False, False, True)
    assert first["data"] == again["data"] != plain["data"]
    assert first["meta"]["lexicon"] == again["meta"]["lexicon"]
    assert "lexicon" not in plain["meta"]


def test_batches_and_redaction_use_lexicons(client: httpx.Client) -> None:
    batch = client.post("/ner/batch", json={"texts": [TEXT, ""], "lexicons": ["changing"]}).json()
    assert [entity["type"] for entity in batch["data"][0]] == ["FIRM"]
    redacted = client.post("/redact", json={"text": TEXT, "lexicons": ["changing"]}).json()
    assert redacted["data"]["text"] == TEXT.replace("公司", "<FIRM_1>")


def test_a_changed_file_is_loaded_and_a_bad_one_is_not(client: httpx.Client, folder: Path, service: Server) -> None:
    write(folder, "changing.tsv", "讨论\tTOPIC")
    wait_for(lambda: ner(client, lexicons=["changing"]) == [("TOPIC", "讨论", "lexicon")], PATIENCE_S)
    write(folder, "changing.tsv", "no tab")
    wait_for(lambda: errors(client)["changing"] is not None, PATIENCE_S)
    assert ner(client, lexicons=["changing"]) == [("TOPIC", "讨论", "lexicon")]
    assert errors(client)["changing"] == "changing.tsv has no valid entry; line 1: has 1 columns; expected: " + (
        "text<TAB>type[<TAB>mode[<TAB>weight]]"
    )
    assert "lexicon changing cannot be loaded" in service.log.read_text()
    metrics = client.get("/metrics").text
    assert 'raner_lexicon_loads_total{outcome="failed"} 1.0' in metrics
    assert 'raner_lexicon_entries{lexicon="events"} 1.0' in metrics
    write(folder, "changing.tsv", "公司\tFIRM")
    wait_for(lambda: errors(client)["changing"] is None, PATIENCE_S)


def test_a_removed_lexicon_is_removed_unless_it_is_a_default(client: httpx.Client, folder: Path) -> None:
    write(folder, "short.jsonl", '{"text": "公司", "type": "FIRM"}')
    wait_for(lambda: "short" in errors(client), PATIENCE_S)
    (folder / "short.jsonl").unlink()
    (folder / "events.tsv").unlink()
    wait_for(lambda: "short" not in errors(client) and errors(client)["events"] == "the file was removed", PATIENCE_S)
    assert ner(client) == [EVENT]
    write(folder, "events.tsv", "开会\tEVENT")
    wait_for(lambda: errors(client)["events"] is None, PATIENCE_S)


def test_an_unknown_type_of_a_lexicon_is_counted_as_other(client: httpx.Client) -> None:
    ner(client, lexicon={"prefer": [{"text": "讨论", "type": "INVENTED"}]})
    metrics = client.get("/metrics").text
    assert "INVENTED" not in metrics
    assert 'type="other"' in metrics


def errors(client: httpx.Client) -> dict[str, str | None]:
    """Why the file of each lexicon is not in use, by name."""
    lexicons = ModelResponse.model_validate_json(client.get("/model").content).lexicons
    return {lexicon.name: lexicon.error for lexicon in lexicons}
