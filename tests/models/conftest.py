from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path
from unittest.mock import patch

import pytest

from ner_runtime.models.acquire.importer import import_directory, pull_model
from ner_runtime.models.acquire.progress import Progress
from ner_runtime.models.convert.build import build_model_directory
from tests.support.checkpoints import write_checkpoint
from tests.support.command import Raner
from tests.support.hub_server import MODEL_ID, StandInHub, files_of, stand_in_hub


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RaNER of two layers. It is not to be changed."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="session")
def int8_model(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """Its model directory, in INT8. It is not to be changed."""
    directory = tmp_path_factory.mktemp("models") / "tiny"
    build_model_directory(checkpoint, directory, "tiny")
    return directory


@pytest.fixture
def victim(tmp_path: Path, checkpoint: Path) -> Path:
    """A checkpoint that may be spoilt."""
    return shutil.copytree(checkpoint, tmp_path / "victim")


@pytest.fixture(scope="session")
def first_home(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A store that holds the checkpoint as `tiny`, in FP32, which is made sooner. It is not to be changed."""
    home = tmp_path_factory.mktemp("first") / "bentoml"
    with patch.dict(os.environ, BENTOML_HOME=str(home)):
        import_directory(checkpoint, Progress(), precision="fp32")
    return home


@pytest.fixture(scope="session")
def pulled_home(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A store that holds MODEL_ID as it was pulled. It is not to be changed."""
    home = tmp_path_factory.mktemp("pulled") / "bentoml"
    with stand_in_hub() as hub, patch.dict(os.environ, BENTOML_HOME=str(home), MODELSCOPE_ENDPOINT=hub.endpoint):
        hub.publish(MODEL_ID, files_of(checkpoint))
        pull_model(MODEL_ID, Progress(), precision="fp32")
    return home


@pytest.fixture
def raner(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Raner:
    """The command, with an empty store."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "bentoml"))
    monkeypatch.delenv("RANER_MODEL", raising=False)
    return Raner(tmp_path / "bentoml", capsys)


@pytest.fixture
def stocked(raner: Raner, first_home: Path) -> Raner:
    """The command, with a store that holds `tiny`."""
    shutil.copytree(first_home, raner.home)
    return raner


@pytest.fixture
def pulled(raner: Raner, pulled_home: Path) -> Raner:
    """The command, with a store that holds what the hub holds."""
    shutil.copytree(pulled_home, raner.home)
    return raner


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, checkpoint: Path) -> Generator[StandInHub]:
    """A hub on loopback that holds the checkpoint under MODEL_ID."""
    with stand_in_hub() as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "modelscope"))
        monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "MODELSCOPE_API_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        hub.publish(MODEL_ID, {**files_of(checkpoint), "README.md": b"# RaNER", "figures/f1.png": b"\x89PNG"})
        yield hub
