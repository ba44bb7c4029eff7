from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path
from unittest.mock import patch

import pytest
from models.checkpoints import write_checkpoint
from models.command import Raner
from models.hub_server import StandInHub, stand_in_hub

from ner_runtime.models.intake import import_directory
from ner_runtime.models.progress import Progress

MODEL_ID = "damo/nlp_raner_named-entity-recognition_chinese-tiny"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RaNER of two layers. It is not to be changed."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="session")
def first_home(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A store that holds the checkpoint as `tiny`, in FP32, which is made sooner. It is not to be changed."""
    home = tmp_path_factory.mktemp("first") / "bentoml"
    with patch.dict(os.environ, BENTOML_HOME=str(home)):
        import_directory(checkpoint, Progress(), precision="fp32")
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
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, checkpoint: Path) -> Generator[StandInHub]:
    """A hub on loopback that holds the checkpoint under MODEL_ID."""
    with stand_in_hub() as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "modelscope"))
        monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "MODELSCOPE_API_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
        hub.publish(MODEL_ID, {**files, "README.md": b"# RaNER", "figures/f1.png": b"\x89PNG"})
        yield hub
