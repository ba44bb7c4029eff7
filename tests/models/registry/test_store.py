"""The model store: tags, the active model, concurrent and killed imports."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import bentoml
import pytest

from ner_runtime.embedded import embedded_model
from ner_runtime.errors import StoreError
from ner_runtime.manifest import read_manifest
from ner_runtime.models.registry.active import active_reference, active_stamp, set_active, store_home
from ner_runtime.models.registry.resolve import resolve_model
from ner_runtime.models.registry.staging import temporary_directory
from ner_runtime.models.registry.store import (
    add_model,
    check_name,
    find_model,
    name_from_source,
    split_hub_id,
    stored_models,
)
from ner_runtime.upstream.private import BentoMLContainer, ModelStore
from tests.support.command import Raner
from tests.support.models.checkpoints import NEWS, bio, write_checkpoint
from tests.support.servers.service import REPOSITORY, environment


def the_tag(raner: Raner) -> str:
    [tag] = raner.tags
    return tag


def test_import_prints_the_tag_and_how_to_use_it(raner: Raner, checkpoint: Path) -> None:
    run = raner("import", str(checkpoint), "--precision", "fp32")
    tag = the_tag(raner)
    assert (run.status, run.out) == (0, f"{tag}\n")
    assert run.err.splitlines()[-1] == f"raner: to serve it: raner use {tag}, or RANER_MODEL={tag}"
    assert raner.active is None
    assert raner.staged == []


def test_second_import_does_nothing(stocked: Raner, checkpoint: Path) -> None:
    tag = the_tag(stocked)
    before = (stocked.home / "models").stat().st_mtime_ns
    run = stocked("import", str(checkpoint), "--precision", "fp32", "--use")
    assert (run.status, run.out) == (0, f"{tag}\n")
    assert "nothing to do" in run.err
    assert ((stocked.home / "models").stat().st_mtime_ns, stocked.tags, stocked.active) == (before, [tag], tag)


def test_lower_agreement_is_accepted_on_request(raner: Raner, tmp_path: Path) -> None:
    # INT8 does not reach the default agreement with these weights.
    checkpoint = write_checkpoint(tmp_path / "tiny", labels=bio(NEWS), layers=1, hidden=16, heads=2, seed=7)
    refused, accepted = (
        json.loads(raner("info", raner("import", str(checkpoint), "--min-agreement", lowest).out.strip(), "--json").out)
        for lowest in ("1", "0.1")
    )
    assert (refused["precision"], accepted["precision"]) == ("fp32", "int8")
    assert accepted["agreement"]["bar"] == 0.1 < accepted["agreement"]["f1"] < 1


def test_other_checkpoint_of_the_same_name_is_a_new_version(stocked: Raner, tmp_path: Path) -> None:
    other = write_checkpoint(tmp_path / "other", seed=1)
    run = stocked("import", str(other), "--name", "tiny", "--precision", "fp32")
    new = run.out.strip()
    assert run.status == 0
    assert len(stocked.tags) == 2
    assert stocked("use", "tiny").out.strip() == new, "a name without a version means the newest one"
    listed = json.loads(stocked("models", "--json").out)
    assert [row["tag"] for row in listed][:2] == ["embedded", new]


def test_models_lists_all_models_and_marks_the_active_one(stocked: Raner) -> None:
    tag = the_tag(stocked)
    assert stocked("use", tag).out == f"{tag}\n"
    rows = {row["tag"]: row for row in json.loads(stocked("models", "--json").out)}
    assert (rows["embedded"]["active"], rows[tag]["active"]) == (False, True)
    assert (rows[tag]["types"], rows[tag]["precision"]) == (["PER", "LOC", "ORG"], "fp32")
    assert rows[tag]["size"] > 1_000_000
    [line] = [line for line in stocked("models").out.splitlines() if "*" in line]
    assert tag in line


def test_use_selects_the_default_model(stocked: Raner, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = the_tag(stocked)
    assert resolve_model("active") == embedded_model()
    stocked("use", "tiny")
    assert json.loads(stocked("info", "--json").out)["version"] == tag.partition(":")[2]
    monkeypatch.setenv("RANER_MODEL", "embedded")
    assert json.loads(stocked("info", "--json").out)["name"] == read_manifest(embedded_model()).name
    stocked("use", "embedded")
    assert resolve_model("active") == embedded_model()


def test_unknown_tag(stocked: Raner) -> None:
    run = stocked("use", "tiny:000000000000")
    assert run.status == 1
    assert run.only_line == f"raner: no stored model 'tiny:000000000000'; stored models: {the_tag(stocked)}"
    assert "is not a directory and not in the store" in stocked("info", "nothing").only_line
    assert "pull it: raner pull owner/name" in stocked("info", "owner/name").only_line


def test_a_tag_never_finds_another_version(stocked: Raner) -> None:
    tag = the_tag(stocked)
    for other in ("Tiny:000000000000", f"{tag[:-1]}Z", f"{tag}/", "tiny:../tiny"):
        assert find_model(other) is None, other
    for same in ("tiny", "Tiny", "tiny:latest", tag, f"Tiny:{tag.partition(':')[2]}"):
        found = find_model(same)
        assert found is not None
        assert found.tag == tag


def test_directories_take_precedence_over_stored_names(
    stocked: Raner, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_model("tiny").parent.name == "tiny"
    (tmp_path / "tiny").mkdir()
    assert resolve_model("tiny") == Path("tiny")
    assert f"raner import {checkpoint}" in stocked("info", str(checkpoint)).only_line


def test_deleted_active_model_is_named(stocked: Raner) -> None:
    stocked("use", "tiny")
    tag = the_tag(stocked)
    bentoml.models.delete(tag, _model_store=ModelStore(stocked.home / "models"))
    run = stocked("predict", "马云")
    assert (run.status, run.out) == (1, "")
    assert (
        run.only_line == f"raner: the active model {tag} is no longer in the store; select another one with raner use"
    )


def test_damaged_model_cannot_become_active(stocked: Raner) -> None:
    [onnx] = stocked.home.glob("models/*/*/model.onnx")
    onnx.chmod(0o644)
    onnx.write_bytes(onnx.read_bytes()[:-1])
    run = stocked("use", "tiny")
    assert (run.status, stocked.active) == (1, None)
    assert "is damaged: its sha256" in run.only_line


def test_other_models_in_bentomls_store_are_ignored(stocked: Raner) -> None:
    (stocked.home / "models" / "iris" / "half").mkdir(parents=True)
    with bentoml.models.create("other", _model_store=ModelStore(stocked.home / "models")):
        pass
    assert [model.manifest.name for model in stored_models()] == ["tiny"]


@pytest.mark.parametrize("damage", ["model.yaml", "model.json"])
def test_a_damaged_model_does_not_hide_the_others(stocked: Raner, damage: str) -> None:
    shutil.copytree(stocked.home / "models" / "tiny", stocked.home / "models" / "copy")
    [file] = (stocked.home / "models" / "copy").glob(f"*/{damage}")
    file.unlink()
    if damage == "model.yaml":
        file.write_text("{[")
    else:
        file.mkdir()  # like a file without permission, it cannot be read, not even by root
    assert [model.manifest.name for model in stored_models()] == ["tiny"]


def test_the_name_of_a_relative_directory(stocked: Raner, checkpoint: Path, tmp_path: Path) -> None:
    tag = the_tag(stocked)
    shutil.copytree(checkpoint, tmp_path / "tiny")
    (tmp_path / "tiny" / "logs").mkdir()
    run = stocked("import", str(tmp_path / "tiny" / "logs" / ".."), "--precision", "fp32")
    assert (run.out, stocked.tags) == (f"{tag}\n", [tag])


def test_bentoml_finds_the_model(stocked: Raner) -> None:
    model = bentoml.models.get("tiny:latest", _model_store=ModelStore(stocked.home / "models"))
    assert str(model.tag) == the_tag(stocked)
    assert read_manifest(Path(model.path)).name == "tiny"
    assert store_home() == stocked.home


def test_models_of_a_served_bento_are_found(stocked: Raner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = shutil.copytree(stocked.home / "models", tmp_path / "bento" / "models")
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "empty"))
    assert find_model("tiny") is None
    # BentoML sets this when it serves a bento that contains models.
    BentoMLContainer.model_store.set(ModelStore(carried))
    try:
        assert resolve_model("tiny").is_relative_to(carried)
    finally:
        BentoMLContainer.model_store.reset()


def test_stored_files_are_read_only(stocked: Raner) -> None:
    for file in Path(resolve_model("tiny")).glob("model.*[nx]"):
        assert not stat.S_IMODE(file.stat().st_mode) & 0o222, file


def test_other_users_can_read_a_stored_model(stocked: Raner) -> None:
    directory = resolve_model("tiny")
    assert stat.S_IMODE(directory.stat().st_mode) == 0o755
    assert all(file.stat().st_mode & 0o004 for file in directory.iterdir())


def test_adding_a_stored_model_again_keeps_the_first(stocked: Raner, tmp_path: Path) -> None:
    stored = find_model("tiny")
    assert stored
    copy = shutil.copytree(stored.directory, tmp_path / "copy")
    (copy / "model.yaml").unlink()
    again = add_model(copy, stored.manifest, {})
    assert (again.tag, again.imported) == (stored.tag, stored.imported)
    assert stocked.staged == []


def test_files_of_a_killed_import_are_deleted(raner: Raner) -> None:
    killed = [sys.executable, "-m", "tests.support.programs.killed_import"]
    subprocess.run(killed, cwd=REPOSITORY, env=environment(BENTOML_HOME=str(raner.home)), check=False)
    [left] = raner.staged
    assert stored_models() == []
    with temporary_directory() as folder:
        assert raner.staged == [folder.name] != [left]
    assert raner.staged == []


def test_pointer_is_replaced_atomically(raner: Raner) -> None:
    assert (active_reference(), active_stamp()) == ("embedded", None)
    stamps = set()
    for number in range(50):
        set_active(f"model:{number}")
        assert active_reference() == f"model:{number}"
        stamps.add(active_stamp())
    assert len(stamps) == 50
    assert [path.name for path in (raner.home / "raner").iterdir()] == ["active"]


def test_store_that_cannot_be_written(raner: Raner) -> None:
    raner.home.write_text("a file where BentoML's home should be")
    assert raner("use", "embedded").only_line.startswith(f"raner: {raner.home}/raner/active cannot be written")


@pytest.mark.parametrize("name", ["", "Tiny", "a/b", "..", "-a", "a" * 64, "模型", "embedded", "active"])
def test_invalid_names(name: str) -> None:
    with pytest.raises(StoreError):
        check_name(name)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("damo/nlp_raner_x", "nlp_raner_x"),
        ("My Model (2)", "my-model-2"),
        ("我的模型", "model"),
        ("embedded", "embedded-model"),
        ("x" * 80, "x" * 63),
    ],
)
def test_names_derived_from_a_source(source: str, name: str) -> None:
    assert check_name(name_from_source(source)) == name


def test_split_hub_id() -> None:
    assert split_hub_id("damo/x") == ("damo/x", None)
    assert split_hub_id("damo/x@v1.0") == ("damo/x", "v1.0")
    assert split_hub_id("damo/x@feature/a") == ("damo/x", "feature/a")
    for other in ("tiny", "tiny:1", "/a/b", "a/b/c", "./a", "a/b@", ""):
        assert split_hub_id(other) is None, other


def test_embedded_model_needs_neither_bentoml_nor_torch(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.programs.imported_packages"]
    environ = environment(BENTOML_HOME=str(tmp_path))
    run = subprocess.run(command, cwd=REPOSITORY, env=environ, capture_output=True, check=True)
    assert run.stdout == b"[]\n"
