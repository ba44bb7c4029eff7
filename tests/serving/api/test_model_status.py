import json

import pytest

from ner_runtime.embedded import embedded_model
from ner_runtime.manifest import read_manifest
from ner_runtime.serving.api.errors import NotReady
from ner_runtime.serving.api.model_status import ModelStatus, models_response
from ner_runtime.serving.api.responses import ModelResponse, ModelsResponse
from ner_runtime.serving.lifecycle.startup import describe
from ner_runtime.settings import Settings


def test_there_is_no_status_before_a_model_is_loaded() -> None:
    with pytest.raises(NotReady):
        ModelStatus().response()


def test_the_status_states_the_model_and_the_last_update() -> None:
    status = ModelStatus()
    manifest = read_manifest(embedded_model())
    status.set_model(describe(manifest, Settings(workers=1)))
    body = json.loads(status.response().to_bytes())
    assert (body["success"], body["name"], body["version"]) == (True, manifest.name, manifest.version)
    assert "update" not in body
    status.set_update("failed", "raner:1", "the file is damaged")
    body = status.response().to_bytes()
    assert ModelResponse.model_validate_json(body) == status.response()
    assert json.loads(body)["update"]["reason"] == "the file is damaged"


def test_several_models_are_listed_with_their_names_and_the_first_is_the_default() -> None:
    statuses = {"news": ModelStatus(), "resume": ModelStatus()}
    statuses["news"].set_model(describe(read_manifest(embedded_model()), Settings()))
    with pytest.raises(NotReady):
        models_response(statuses)
    statuses["resume"].set_model(describe(read_manifest(embedded_model()), Settings()))
    statuses["resume"].set_update("failed", "raner:1", "the file is damaged")
    response = models_response(statuses)
    assert ModelsResponse.model_validate_json(response.to_bytes()) == response
    body = json.loads(response.to_bytes())
    assert (body["success"], body["default"]) == (True, "news")
    assert [(model["id"], "update" in model) for model in body["models"]] == [("news", False), ("resume", True)]
