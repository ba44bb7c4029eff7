"""Detecting that the model to serve has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_runtime.embedded import embedded_model
from ner_runtime.errors import ModelNotFound
from ner_runtime.manifest import read_manifest, write_manifest
from ner_runtime.models.registry.active import set_active
from ner_runtime.models.registry.watcher import Watcher
from ner_runtime.settings import ACTIVE_MODEL, EMBEDDED_MODEL
from tests.support.models.twins import LEFT, RIGHT, make_twin, switch


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_changed_pointer_is_reported_once() -> None:
    watcher = Watcher(ACTIVE_MODEL)
    assert watcher.changed() is None
    set_active(EMBEDDED_MODEL)
    assert watcher.changed() == embedded_model().resolve()
    assert watcher.changed() is None
    assert watcher.reference == EMBEDDED_MODEL


def test_pointer_to_a_missing_model_is_reported_once() -> None:
    watcher = Watcher(ACTIVE_MODEL)
    set_active("gone:1")
    assert watcher.reference == "gone:1"
    with pytest.raises(ModelNotFound):
        watcher.changed()
    assert watcher.changed() is None


def test_replaced_manifest_is_a_change(tmp_path: Path) -> None:
    manifest = make_twin(tmp_path / "model", LEFT)
    watcher = Watcher(str(tmp_path / "model"))
    (tmp_path / "model" / "notes.txt").write_text("not part of the model")
    assert watcher.changed() is None
    (tmp_path / "model" / "model.json").unlink()
    write_manifest(tmp_path / "model", manifest)
    assert watcher.changed() == (tmp_path / "model").resolve()


def test_switched_link_is_resolved(tmp_path: Path) -> None:
    for version in (LEFT, RIGHT):
        make_twin(tmp_path / version, version)
    switch(tmp_path / "served", tmp_path / LEFT)
    watcher = Watcher(str(tmp_path / "served"))
    switch(tmp_path / "served", tmp_path / RIGHT)
    changed = watcher.changed()
    assert changed == (tmp_path / RIGHT).resolve()
    assert read_manifest(changed).version == RIGHT
