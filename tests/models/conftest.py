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
from tests.support.command import Raner
from tests.support.models.checkpoints import write_checkpoint
from tests.support.servers.hub import MODEL_ID, StandInHub, files_of, stand_in_hub


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with two layers. Tests must not change it."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="session")
def int8_model(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """The INT8 model directory of the checkpoint. Tests must not change it."""
    directory = tmp_path_factory.mktemp("models") / "tiny"
    build_model_directory(checkpoint, directory, "tiny")
    return directory


@pytest.fixture
def victim(tmp_path: Path, checkpoint: Path) -> Path:
    """A checkpoint that the test may change."""
    return shutil.copytree(checkpoint, tmp_path / "victim")


@pytest.fixture(scope="session")
def first_home(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A store with the checkpoint as `tiny`, in FP32, which is faster to build. Tests must not change it."""
    home = tmp_path_factory.mktemp("first") / "bentoml"
    with patch.dict(os.environ, BENTOML_HOME=str(home)):
        import_directory(checkpoint, Progress(), precision="fp32")
    return home


@pytest.fixture(scope="session")
def pulled_home(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A store with MODEL_ID, pulled from the hub. Tests must not change it."""
    home = tmp_path_factory.mktemp("pulled") / "bentoml"
    with stand_in_hub() as hub, patch.dict(os.environ, BENTOML_HOME=str(home), MODELSCOPE_ENDPOINT=hub.endpoint):
        hub.publish(MODEL_ID, files_of(checkpoint))
        pull_model(MODEL_ID, Progress(), precision="fp32")
    return home


@pytest.fixture
def raner(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Raner:
    """The `raner` command with an empty store."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "bentoml"))
    monkeypatch.delenv("RANER_MODEL", raising=False)
    return Raner(tmp_path / "bentoml", capsys)


@pytest.fixture
def stocked(raner: Raner, first_home: Path) -> Raner:
    """The `raner` command with a store that contains `tiny`."""
    shutil.copytree(first_home, raner.home)
    return raner


@pytest.fixture
def pulled(raner: Raner, pulled_home: Path) -> Raner:
    """The `raner` command with a store that contains MODEL_ID."""
    shutil.copytree(pulled_home, raner.home)
    return raner


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, checkpoint: Path) -> Generator[StandInHub]:
    """A local server that acts as the hub and has the checkpoint as MODEL_ID."""
    with stand_in_hub() as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "modelscope"))
        monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "MODELSCOPE_API_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        hub.publish(MODEL_ID, {**files_of(checkpoint), "README.md": b"# RaNER", "figures/f1.png": b"\x89PNG"})
        yield hub
