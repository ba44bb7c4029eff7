"""The service when its model changes, a worker is killed, or its port is taken; `tests/faults` has the long forms."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from ner_runtime import Recognizer
from ner_runtime.atomic_files import write_atomically
from ner_runtime.serving.lifecycle.heartbeat import RUN_DIR
from tests.support.http.load import load
from tests.support.models.twins import LEFT, RIGHT, served_link, switch, types_of
from tests.support.servers.service import PATIENCE_S, REPOSITORY, Server, bentoml, environment, serve
from tests.support.servers.workers import ready_workers, versions, wait_for, workers
from tests.support.texts.examples import NEWS


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return served_link(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def started(link: Path) -> Generator[Server]:
    """A service with two workers that runs as in a container."""
    settings = {"RANER_MODEL": str(link), "RANER_WORKERS": "2", "RANER_THREADS": "1", "BENTOML_CONTAINERIZED": "true"}
    with serve(link.parent / "service.log", **settings) as server:
        wait_for(lambda: len(ready_workers(server)) == 2, PATIENCE_S)
        yield server


@pytest.fixture
def pair(started: Server, link: Path) -> Server:
    """The service, with both workers serving the model `left`."""
    switch(link, link.parent / "left")
    wait_for(lambda: versions(started) == {LEFT: 2} and "failed" not in update_states(started), PATIENCE_S)
    return started


def update_states(server: Server) -> set[str]:
    """The outcome of the last update of each worker; empty where no worker has updated its model."""
    return {model["update"]["state"] for model in models(server) if "update" in model}  # type: ignore[index]


def models(server: Server) -> list[dict[str, object]]:
    """Responses of `/model` over new connections, enough of them to reach every worker."""
    once = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=server.url, limits=once, trust_env=False) as client:
        return [client.get("/model").json() for _ in range(12)]


def test_clients_that_connect_together_are_shared_by_the_workers(pair: Server) -> None:
    address = ("127.0.0.1", int(pair.url.rpartition(":")[2]))
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(socket.create_connection(address))
        wait_for(lambda: sum(connections_of(pair)) >= 12, PATIENCE_S)
        # Connections of other tests may still be open.
        assert min(connections_of(pair)) >= 4


def connections_of(server: Server) -> list[int]:
    """The number of open connections of each worker."""
    return [
        sum(connection.status == psutil.CONN_ESTABLISHED for connection in worker.net_connections())
        for worker in workers(server)
    ]


def test_a_swap_loses_no_request_and_each_response_comes_from_one_model(
    pair: Server, link: Path, recognizer: Recognizer
) -> None:
    expected = [[entity.type for entity in found] for found in recognizer.recognize(NEWS)]
    with load(pair.url, NEWS, clients=4, pause=0.02) as taken:
        for name in ("right", "left"):
            switch(link, link.parent / name)
            wait_for(lambda name=name: versions(pair) == {name: 2}, PATIENCE_S)
    assert not taken.failed()
    for outcome in taken.outcomes:
        meta, data = outcome.body["meta"], outcome.body["data"]
        assert [entity["type"] for entity in data] == types_of(meta["version"], expected[outcome.text])  # type: ignore[index]
    assert {outcome.body["meta"]["version"] for outcome in taken.outcomes} == {LEFT, RIGHT}  # type: ignore[index]
    assert update_states(pair) == {"done"}


def test_a_damaged_model_is_not_served_and_the_reason_is_reported(pair: Server, link: Path) -> None:
    switch(link, link.parent / "bad")
    wait_for(lambda: update_states(pair) == {"failed"}, PATIENCE_S)
    for model in models(pair):
        assert model["version"] == LEFT
        assert "is damaged: its sha256 differs from the one in model.json" in model["update"]["reason"]  # type: ignore[index]
    with pair.client() as client:
        assert client.post("/ner", json={"text": "马云"}).json()["meta"]["version"] == LEFT
        assert 'raner_model_updates_total{model="default",outcome="failed"}' in client.get("/metrics").text
    assert "is damaged" in pair.log.read_text()


def test_a_killed_worker_is_replaced_while_the_configured_model_is_damaged(pair: Server, link: Path) -> None:
    switch(link, link.parent / "bad")
    wait_for(lambda: update_states(pair) == {"failed"}, PATIENCE_S)
    killed, kept = ready_workers(pair)
    with load(pair.url, NEWS, clients=4, pause=0.02) as taken:
        killed.kill()
        wait_for(lambda: len(ready_workers(pair)) == 2 and killed not in ready_workers(pair), PATIENCE_S)
    assert kept in ready_workers(pair)
    assert len(taken.failed()) <= 4
    assert {model["version"] for model in models(pair)} == {LEFT}


def test_a_model_is_updated_although_the_run_directory_cannot_be_written(pair: Server, link: Path) -> None:
    file = Path(ready_workers(pair)[0].environ()[RUN_DIR]) / "default.model"
    file.unlink()
    # In the way of the file, as a full disk is.
    file.mkdir()
    switch(link, link.parent / "right")
    wait_for(lambda: versions(pair) == {RIGHT: 2}, PATIENCE_S)
    file.rmdir()
    assert update_states(pair) == {"done"}
    assert "cannot be told which model is served: " in pair.log.read_text()


def test_the_failure_is_cleared_when_the_configured_model_is_good_again(pair: Server, link: Path) -> None:
    switch(link, link.parent / "bad")
    wait_for(lambda: update_states(pair) == {"failed"}, PATIENCE_S)
    switch(link, link.parent / "left")
    wait_for(lambda: update_states(pair) == {"done"}, PATIENCE_S)
    assert {model["version"] for model in models(pair)} == {LEFT}


def test_a_changed_model_json_is_served_though_the_version_stays(pair: Server, link: Path) -> None:
    path = link.parent / "left" / "model.json"
    write_atomically(path, json.dumps(json.loads(path.read_bytes()) | {"default_types": ["PER"]}).encode())
    wait_for(lambda: all(model["default_types"] == ["PER"] for model in models(pair)), PATIENCE_S)
    assert {model["version"] for model in models(pair)} == {LEFT}


def test_workers_are_replaced_after_the_run_directory_was_removed(pair: Server) -> None:
    before = ready_workers(pair)
    run_dir = Path(before[0].environ()[RUN_DIR])
    shutil.rmtree(run_dir)
    wait_for(lambda: len(list(run_dir.glob("*.beat"))) == 2, PATIENCE_S)
    for worker in before:
        worker.kill()
    wait_for(lambda: len(ready_workers(pair)) == 2 and not {*before} & {*ready_workers(pair)}, PATIENCE_S)
    wait_for(lambda: versions(pair) == {LEFT: 2}, PATIENCE_S)
    assert pair.log.read_text().count(f"{run_dir} was removed") == 1


def test_workers_that_are_replaced_after_a_sighup_leave_no_metrics(pair: Server) -> None:
    before = ready_workers(pair)
    pair.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(ready_workers(pair)) == 2 and not {*before} & {*ready_workers(pair)}, PATIENCE_S)
    wait_for(lambda: versions(pair) == {LEFT: 2}, PATIENCE_S)
    assert "Exception in callback" not in pair.log.read_text()


def test_a_taken_port_stops_the_start_with_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        started = subprocess.run(
            bentoml("serve", "service:Raner"),
            cwd=REPOSITORY,
            env=environment(RANER_PORT=str(port)),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    assert started.returncode == 1
    assert started.stderr == f"raner: cannot listen on 0.0.0.0:{port}: Address already in use; RANER_PORT is the port\n"


def test_a_service_without_the_supervisor_serves_and_logs_one_error(tmp_path: Path) -> None:
    target = "tests.support.programs.unsupervised:Raner"
    with serve(tmp_path / "log", target=target, RANER_WORKERS="2", RANER_THREADS="1") as server:
        wait_for(lambda: len(workers(server)) == 2, PATIENCE_S)
        wait_for(lambda: "not run by RaNER's supervisor" in server.log.read_text(), PATIENCE_S)
        with server.client() as client:
            assert client.post("/ner", json={"text": "马云"}).is_success
            wait_for(lambda: "raner_workers_ready 2.0" in client.get("/metrics").text, PATIENCE_S)
    assert server.log.read_text().count("not run by RaNER's supervisor") == 1
