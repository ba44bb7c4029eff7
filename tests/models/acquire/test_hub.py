"""Pulling models: ModelScope's hub client against a local HTTP server that acts as the hub."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from ner_runtime.errors import HubUnavailable
from ner_runtime.models.acquire.hub import has_newer_revision
from ner_runtime.models.acquire.pull_process import pull_if_missing
from ner_runtime.models.registry.resolve import resolve_model
from ner_runtime.models.registry.store import get_model
from tests.support.command import Raner
from tests.support.models.checkpoints import TINY_XLM, write_checkpoint, write_lstm
from tests.support.servers.hub import MODEL_ID, StandInHub, files_of
from tests.support.servers.service import REPOSITORY, environment, free_port
from tests.support.servers.workers import wait_for

WEIGHTS = "pytorch_model.bin"
PULL = ("pull", MODEL_ID, "--precision", "fp32")


@contextmanager
def started(raner: Raner, hub: StandInHub, *arguments: str) -> Generator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "ner_runtime.cli", *arguments]
    environ = environment(BENTOML_HOME=str(raner.home), MODELSCOPE_ENDPOINT=hub.endpoint)

    def enable_sigint() -> None:
        # In a background job of a shell, SIGINT is ignored, and child processes inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environ, stdout=pipe, stderr=pipe, preexec_fn=enable_sigint
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_first_pull(raner: Raner, hub: StandInHub) -> None:
    run = raner(*PULL)
    [tag] = raner.tags
    assert (run.status, run.out, raner.active) == (0, f"{tag}\n", tag)
    assert not [line for line in run.err.splitlines() if not line.startswith("raner: ")], (
        "no progress bars or logs of the hub client"
    )
    assert not hub.downloads("README.md") + hub.downloads("figures/f1.png")
    source = json.loads(raner("info", "--json").out)["source"]
    assert (source["id"], source["revision"]) == (MODEL_ID, "master")
    assert raner.staged == []
    assert json.loads(raner("predict", "马云在杭州").out)["text"] == "马云在杭州"


def test_second_pull_downloads_nothing(pulled: Raner, hub: StandInHub) -> None:
    run = pulled(*PULL, "--no-use")
    assert (run.status, pulled.active, hub.downloads("")) == (0, None, [])
    assert "nothing to do" in run.err
    assert [pulled(*PULL).out.strip()] == [pulled.active] == pulled.tags


def test_lost_connection_is_resumed(raner: Raner, hub: StandInHub) -> None:
    hub.cut_after[WEIGHTS] = [100_000]
    assert raner(*PULL).status == 0
    first, second = hub.downloads(WEIGHTS)
    assert "bytes=" not in first
    assert second.endswith(" bytes=100000-")


def test_killed_pull_leaves_the_store_unchanged_and_is_resumed(raner: Raner, hub: StandInHub) -> None:
    hub.hold_after[WEIGHTS] = 200_000
    with started(raner, hub, *PULL):
        assert hub.held.wait(60)
        files = raner.home / "raner" / "staging"
        wait_for(lambda: any(path.stat().st_size for path in files.rglob(f"*{WEIGHTS}*") if path.is_file()), 60)
    assert (raner.tags, raner.active) == ([], None)
    assert raner("models").status == 0
    del hub.hold_after[WEIGHTS]
    assert raner(*PULL).status == 0
    start = int(hub.downloads(WEIGHTS)[-1].rpartition("bytes=")[2].rstrip("-"))
    assert 0 < start <= 200_000
    assert [raner.active] == raner.tags
    assert raner.staged == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_a_pull_at_once(raner: Raner, hub: StandInHub, sent: signal.Signals) -> None:
    hub.hold_after[WEIGHTS] = 200_000
    with started(raner, hub, *PULL) as process:
        assert hub.held.wait(60)
        process.send_signal(sent)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 128 + sent
    # Not always the last line: a download thread may report progress at the same moment.
    assert b"raner: stopped; run the command again to resume" in err.splitlines()
    assert (raner.tags, raner.active) == ([], None)
    del hub.hold_after[WEIGHTS]
    assert raner(*PULL).status == 0


def test_file_that_differs_from_the_listing_is_rejected(raner: Raner, hub: StandInHub) -> None:
    hub.corrupt.add("vocab.txt")
    run = raner(*PULL)
    assert (run.status, run.out, raner.tags, raner.staged) == (1, "", [], [])
    assert run.err.splitlines()[-1].startswith("raner: vocab.txt differs from the file that the hub lists")
    hub.corrupt.clear()
    assert raner(*PULL).status == 0


def test_changed_branch_is_detected_and_pulled(pulled: Raner, hub: StandInHub, tmp_path: Path) -> None:
    [old] = pulled.tags
    source = get_model(old).manifest.source
    assert not has_newer_revision(source)
    hub.publish(MODEL_ID, {**files_of(write_checkpoint(tmp_path / "moved", seed=2)), "README.md": b"# new"})
    assert has_newer_revision(source)
    new = pulled(*PULL).out.strip()
    assert pulled.tags == sorted([old, new])
    assert pulled.active == new
    assert resolve_model(MODEL_ID) == get_model(new).directory
    assert not has_newer_revision(get_model(new).manifest.source)


@pytest.mark.usefixtures("pulled")
def test_changed_readme_is_not_a_new_model(hub: StandInHub, checkpoint: Path) -> None:
    hub.publish(MODEL_ID, {**files_of(checkpoint), "README.md": b"# other"})
    assert not has_newer_revision(get_model(MODEL_ID).manifest.source)


def test_another_revision_is_another_model(pulled: Raner, hub: StandInHub, checkpoint: Path) -> None:
    hub.publish(MODEL_ID, files_of(checkpoint), "v1.0.2")
    tag = pulled(*PULL, "--revision", "v1.0.2").out.strip()
    assert resolve_model(f"{MODEL_ID}@v1.0.2") == get_model(tag).directory
    assert resolve_model(f"{MODEL_ID}@master") != get_model(tag).directory


def test_unknown_ids_and_revisions(raner: Raner, hub: StandInHub) -> None:
    unknown = raner("pull", "damo/ner-RaNER")
    assert (
        unknown.only_line == f"raner: the model hub at {hub.endpoint} does not have damo/ner-RaNER at revision master"
    )
    assert "at revision v9" in raner("pull", MODEL_ID, "--revision", "v9").only_line
    assert "owner/name" in raner("pull", "raner").only_line
    assert unknown.status == 1


def test_unsupported_family_is_rejected_before_its_weights_are_downloaded(
    raner: Raner, hub: StandInHub, tmp_path: Path
) -> None:
    hub.publish("damo/other", files_of(write_lstm(tmp_path / "other")))
    run = raner("pull", "damo/other")
    assert (run.status, raner.staged) == (1, [])
    assert run.err.splitlines()[-1].startswith("raner: this is an LSTM-CRF")
    assert not hub.downloads(WEIGHTS)


def test_xlm_roberta_is_pulled_without_its_second_vocabulary(raner: Raner, hub: StandInHub, tmp_path: Path) -> None:
    files = files_of(write_checkpoint(tmp_path / "large", TINY_XLM))
    # `tokenizer.json` of the published models has 17 MB and the same pieces as `sentencepiece.bpe.model`.
    hub.publish("damo/large", {**files, "tokenizer.json": b"{}"})
    assert raner("pull", "damo/large", "--precision", "fp32").status == 0
    assert [tag.partition(":")[0] for tag in raner.tags] == ["large"]
    assert not hub.downloads("tokenizer.json")


@pytest.mark.parametrize("path", ["../x", "/etc/cron.d/x", "a/../../x", "a\\..\\x", "a\nb"])
def test_listed_path_outside_the_model_is_rejected(raner: Raner, hub: StandInHub, checkpoint: Path, path: str) -> None:
    hub.publish("damo/evil", {**files_of(checkpoint), path: b"x"})
    run = raner("pull", "damo/evil")
    assert run.only_line == f"raner: the hub lists a path outside damo/evil: {path!r}"
    assert (run.status, raner.tags, raner.staged) == (1, [], [])


def test_file_listed_as_too_large_is_not_downloaded(raner: Raner, hub: StandInHub) -> None:
    hub.claimed["config.json"] = 10_000_000_000
    run = raner(*PULL)
    assert run.only_line == "raner: config.json has 10,000,000,000 bytes; allowed: 1,048,576"
    assert not hub.downloads("config.json")


def test_weights_are_not_downloaded_without_disk_space(
    raner: Raner, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: SimpleNamespace(free=1_000_000))
    run = raner(*PULL)
    assert run.status == 1
    assert run.err.splitlines()[-1].endswith("has 1.0 MB of free space; about 4.5 MB are needed")
    assert not hub.downloads(WEIGHTS)


def test_unreachable_hub_fails_at_once(raner: Raner, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", endpoint)
    # The hub client would retry for seven seconds.
    monkeypatch.setattr("modelscope_hub.HubApi.list_repo_files", pytest.fail)
    run = raner(*PULL)
    assert (run.status, run.only_line) == (1, f"raner: the model hub at {endpoint} cannot be reached (ConnectionError)")


def test_unreachable_hub_names_the_stored_model(pulled: Raner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    run = pulled(*PULL)
    assert (run.status, pulled.active) == (1, None)
    assert run.only_line.endswith(f"cannot be reached (ConnectionError); {pulled.tags[0]} is in the store")


def test_missing_extra(raner: Raner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    run = raner(*PULL)
    line = "raner: pulling a model needs the package torch: pip install 'ner_runtime[hub]'"
    assert (run.status, run.only_line) == (1, line)


def test_stored_model_needs_no_network(pulled: Raner, hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("network access")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    pull_if_missing(MODEL_ID)
    assert pulled("predict", "马云", "--model", MODEL_ID).status == 0
    assert pulled("use", MODEL_ID).status == 0
    assert hub.requests == []


def test_pull_if_missing_pulls_once(raner: Raner, hub: StandInHub) -> None:
    pull_if_missing("active")
    pull_if_missing("tiny")
    assert hub.requests == []
    pull_if_missing(MODEL_ID)
    assert raner.active is None, "the active model is unchanged"
    assert [resolve_model(MODEL_ID).name] == [tag.partition(":")[2] for tag in raner.tags]
    asked = len(hub.requests)
    pull_if_missing(MODEL_ID)
    assert len(hub.requests) == asked
    with pytest.raises(SystemExit) as ended:
        pull_if_missing("damo/none")
    assert ended.value.code == 1


def test_list_model(hub: StandInHub) -> None:
    hub.models[MODEL_ID].revisions["master"] = {"README.md": b"nothing of use"}
    from ner_runtime.models.acquire.hub import list_model

    assert list_model(MODEL_ID).files == {}
    with pytest.raises(HubUnavailable):
        list_model("damo/none")
