"""A worker is killed while the file of a default lexicon cannot be used: `make faults`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_runtime.atomic_files import write_atomically
from tests.support.servers.service import serve
from tests.support.servers.workers import ready_workers, wait_for

pytestmark = pytest.mark.faults


def test_a_new_worker_applies_the_lexicon_that_the_service_loaded_last(tmp_path: Path) -> None:
    file = tmp_path / "lexicons" / "events.tsv"
    write_atomically(file, "开会\tEVENT\n".encode())
    settings = {"RANER_LEXICONS": str(file.parent), "RANER_DEFAULT_LEXICONS": "events"}
    with serve(tmp_path / "log", RANER_WORKERS="1", RANER_THREADS="1", **settings) as server, server.client() as client:
        write_atomically(file, b"no entry\n")
        [old] = ready_workers(server)
        old.kill()
        wait_for(lambda: [worker.pid for worker in ready_workers(server)] not in ([], [old.pid]), 60)
        response = client.post("/ner", json={"text": "我们公司今天下午开会讨论方案。"})
        assert [entity["type"] for entity in response.json()["data"]] == ["EVENT"]
        assert client.get("/readyz").status_code == 200
        [lexicon] = client.get("/model").json()["lexicons"]
        assert lexicon["error"].startswith("events.tsv has no valid entry")
