"""The model is replaced again and again under load: `make faults`. `tests/service/test_faults.py` is the short form."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_runtime import Recognizer
from ner_runtime.embedded import embedded_model
from ner_runtime.models.registry.active import set_active
from ner_runtime.models.registry.store import add_model
from tests.support.http.load import load
from tests.support.models.twins import LEFT, RIGHT, make_twin, types_of
from tests.support.servers.service import serve
from tests.support.servers.workers import ready_workers, resident_bytes, versions, wait_for
from tests.support.texts.examples import NEWS

# Importing BentoML raises deprecation warnings of its dependencies.
pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

SWAPS = 20
REQUESTS = 100
TEXTS = [*NEWS, *(text * 60 for text in NEWS[:2])]


def test_twenty_swaps_lose_no_request_and_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    for version in (LEFT, RIGHT):
        add_model(tmp_path / version, make_twin(tmp_path / version, version), {})
    set_active(f"twin:{LEFT}")
    expected = [[entity.type for entity in found] for found in Recognizer.open(embedded_model()).recognize(TEXTS)]
    assert any({"PER", "LOC"} & set(types) for types in expected)
    memory: list[int] = []
    with serve(tmp_path / "log", RANER_WORKERS="2", RANER_THREADS="1", RANER_CACHE_URL="memory://") as server:
        wait_for(lambda: len(ready_workers(server)) == 2, 60)
        with load(server.url, TEXTS, clients=4, pause=0.02) as taken:
            for swap in range(SWAPS):
                version = (RIGHT, LEFT)[swap % 2]
                set_active(f"twin:{version}")
                wait_for(lambda version=version: versions(server) == {version: 2}, 60)
                taken.wait_for_more(REQUESTS)
                memory.append(resident_bytes(server))
        with server.client() as client:
            assert client.get("/model").json()["version"] == LEFT
    growth = memory[-1] / memory[1] - 1
    print(f"\n{taken.counts()}, memory {[size // 2**20 for size in memory]} MiB, growth {growth:.1%}")
    assert not taken.failed()
    for outcome in taken.outcomes:
        meta, data = outcome.body["meta"], outcome.body["data"]
        assert [entity["type"] for entity in data] == types_of(meta["version"], expected[outcome.text])  # type: ignore[index]
    assert {outcome.body["meta"]["version"] for outcome in taken.outcomes} == {LEFT, RIGHT}  # type: ignore[index]
    assert growth < 0.10
