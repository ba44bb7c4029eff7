import json

import pytest

from ner_runtime.embedded import embedded_model
from ner_runtime.manifest import read_manifest
from ner_runtime.serving.api.errors import NotReady
from ner_runtime.serving.api.model_status import ModelStatus
from ner_runtime.serving.api.responses import ModelResponse
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
