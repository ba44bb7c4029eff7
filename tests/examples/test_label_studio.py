"""The Label Studio backend: its routes answer in the format that Label Studio reads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from typing import Any

import httpx
import pytest

from tests.support.servers.service import PATIENCE_S, REPOSITORY, free_port, stop
from tests.support.servers.workers import wait_for
from tests.support.texts.examples import EXAMPLE

CONFIG = """
<View>
  <Labels name="ner" toName="body">
    <Label value="PER" background="red"/><Label value="LOC" background="cyan"/><Label value="Event"/>
  </Labels>
  <Text name="body" value="$content"/>
</View>
"""


@pytest.fixture(scope="module")
def client(service_url: str) -> Generator[httpx.Client]:
    """A client of the backend, which runs in front of the service."""
    port = free_port()
    program = REPOSITORY / "examples" / "label_studio" / "backend.py"
    process = subprocess.Popen([sys.executable, str(program), "--raner", service_url, "--port", str(port)])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S, trust_env=False) as client:
            wait_for(lambda: answers(client), 60)
            yield client
    finally:
        stop(process)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


def predict(client: httpx.Client, *texts: str, config: str = CONFIG) -> Any:
    tasks = [{"id": number, "data": {"content": text}} for number, text in enumerate(texts)]
    return client.post("/predict", json={"tasks": tasks, "project": "1.1700000000", "label_config": config})


def test_health_and_setup(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "UP", "model_class": "RaNER"}
    version = client.post("/setup", json={"project": "1", "schema": CONFIG}).json()["model_version"]
    assert version == predict(client, EXAMPLE).json()["results"][0]["model_version"]


def test_a_prediction_names_the_tags_of_the_interface_and_its_labels_only(client: httpx.Client) -> None:
    [prediction] = predict(client, EXAMPLE).json()["results"]
    person, place = prediction["result"]
    assert {name: person[name] for name in ("from_name", "to_name", "type")} == {
        "from_name": "ner",
        "to_name": "body",
        "type": "labels",
    }
    assert person["value"] == {"start": 9, "end": 11, "text": "马云", "labels": ["PER"]}
    assert place["value"]["labels"] == ["LOC"]
    assert 0 < prediction["score"] <= min(person["score"], place["score"])


def test_offsets_count_utf16_code_units_as_the_browser_does(client: httpx.Client) -> None:
    [prediction] = predict(client, f"😀{EXAMPLE}").json()["results"]
    assert prediction["result"][0]["value"]["start"] == 9 + 2


def test_many_tasks_keep_their_order(client: httpx.Client) -> None:
    texts = [f"{EXAMPLE}第{number}次" if number % 2 else "无" for number in range(150)]
    results = predict(client, *texts).json()["results"]
    assert [bool(one["result"]) for one in results] == [bool(number % 2) for number in range(150)]


@pytest.mark.parametrize("config", ["<View/>", "<View", '<View><Text name="t" value="$other"/></View>'])
def test_what_cannot_be_predicted_is_a_client_error(client: httpx.Client, config: str) -> None:
    response = predict(client, EXAMPLE, config=config)
    assert response.status_code == 400
    assert "cannot be predicted" in response.json()["detail"]
