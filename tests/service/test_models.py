"""Two models in one service; `tests/faults/test_models.py` is the long form."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from ner_runtime.serving.api.responses import ModelsResponse
from tests.support.models.twins import LEFT, RIGHT, served_link, switch, types_of
from tests.support.servers.service import PATIENCE_S, Server, serve
from tests.support.servers.workers import wait_for
from tests.support.texts.examples import EXAMPLE, EXAMPLE_SPANS, spans

TYPES = [type_ for type_, _, _ in EXAMPLE_SPANS]


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return served_link(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def pair(link: Path) -> Generator[Server]:
    """A service with the models `news`, which `link` points to, and `resume`, the model `right`."""
    models = f"news={link},resume={link.parent / 'right'}"
    with serve(link.parent / "log", RANER_MODELS=models, RANER_WORKERS="1", RANER_THREADS="1") as server:
        yield server


@pytest.fixture
def client(pair: Server, link: Path) -> Generator[httpx.Client]:
    """A client of the service, while `news` is the model `left`."""
    with pair.client() as client:
        switch(link, link.parent / "left")
        wait_for(lambda: updates(client)["news"] != "failed" and versions(client)["news"] == LEFT, PATIENCE_S)
        yield client


def listed(client: httpx.Client) -> ModelsResponse:
    return ModelsResponse.model_validate_json(client.get("/models").content)


def versions(client: httpx.Client) -> dict[str, str]:
    return {model.id: model.version for model in listed(client).models}


def updates(client: httpx.Client) -> dict[str, str | None]:
    return {model.id: model.update.state if model.update else None for model in listed(client).models}


def test_a_request_selects_a_model(client: httpx.Client) -> None:
    for name, version in ((None, LEFT), ("news", LEFT), ("resume", RIGHT)):
        # Twice: each model has its own cached results.
        for _ in range(2):
            response = client.post("/ner", json={"text": EXAMPLE, "model": name}).json()
            assert [type_ for type_, _, _ in spans(response["data"])] == types_of(version, TYPES)
            assert response["meta"]["version"] == version
        batch = client.post("/ner/batch", json={"texts": [EXAMPLE], "model": name}).json()
        assert (batch["data"], batch["meta"]["cached"]) == ([response["data"]], True)


def test_an_unknown_model_is_refused_with_the_names(client: httpx.Client) -> None:
    for path, fields in (("/ner", {"text": EXAMPLE}), ("/ner/batch", {"texts": [EXAMPLE]})):
        response = client.post(path, json={**fields, "model": "poetry"})
        assert (response.status_code, response.json()["error"]["code"]) == (422, "unknown_model")
        assert "news, resume" in response.json()["error"]["message"]


def test_the_models_are_listed_and_the_default_is_described(client: httpx.Client) -> None:
    models = listed(client)
    assert models.default == "news"
    assert versions(client) == {"news": LEFT, "resume": RIGHT}
    model = client.get("/model").json()
    assert (model["name"], model["version"]) == ("twin", LEFT)


def test_the_metrics_are_counted_by_model(client: httpx.Client) -> None:
    def characters() -> list[float]:
        lines = client.get("/metrics").text.splitlines()
        names = [f'raner_characters_total{{model="{name}"}} ' for name in ("news", "resume")]
        return [float(line.split()[-1]) for name in names for line in lines if line.startswith(name)]

    before = characters()
    client.post("/ner", json={"text": f"{EXAMPLE}计数", "model": "resume"})
    assert [after - number for number, after in zip(before, characters(), strict=True)] == [0, len(EXAMPLE) + 2]
    assert 'raner_model_info{model="resume",name="twin",precision="int8",version="right"} 1.0' in (
        client.get("/metrics").text
    )


def test_each_model_is_updated_on_its_own(client: httpx.Client, link: Path) -> None:
    switch(link, link.parent / "right")
    wait_for(lambda: versions(client) == {"news": RIGHT, "resume": RIGHT}, PATIENCE_S)
    assert updates(client) == {"news": "done", "resume": None}


def test_a_model_that_cannot_be_updated_keeps_its_version(client: httpx.Client, link: Path, pair: Server) -> None:
    switch(link, link.parent / "bad")
    wait_for(lambda: updates(client) == {"news": "failed", "resume": None}, PATIENCE_S)
    assert versions(client) == {"news": LEFT, "resume": RIGHT}
    for name, version in (("news", LEFT), ("resume", RIGHT)):
        response = client.post("/ner", json={"text": EXAMPLE, "model": name}).json()
        assert response["meta"]["version"] == version
    assert '"model": "news"' in pair.log.read_text()
