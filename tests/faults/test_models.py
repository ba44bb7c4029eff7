"""One of two models is updated again and again while both are under load: `make faults`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_runtime import Recognizer
from ner_runtime.embedded import embedded_model
from ner_runtime.models.registry.active import set_active
from ner_runtime.models.registry.store import add_model
from tests.support.http.load import Load, load
from tests.support.models.twins import LEFT, RIGHT, make_twin, types_of
from tests.support.servers.service import serve
from tests.support.servers.workers import ready_workers, resident_bytes, versions, wait_for
from tests.support.texts.examples import NEWS

# Importing BentoML raises deprecation warnings of its dependencies.
pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

UPDATES = 20
REQUESTS = 50
MODELS = f"news=active,resume=twin:{RIGHT}"


def served_versions(taken: Load) -> set[str]:
    return {outcome.body["meta"]["version"] for outcome in taken.outcomes}  # type: ignore[index]


def test_twenty_updates_of_one_model_lose_no_request_of_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    for version in (LEFT, RIGHT):
        add_model(tmp_path / version, make_twin(tmp_path / version, version), {})
    set_active(f"twin:{LEFT}")
    expected = [[entity.type for entity in found] for found in Recognizer.open(embedded_model()).recognize(NEWS)]
    memory: list[int] = []
    with serve(tmp_path / "log", RANER_MODELS=MODELS, RANER_WORKERS="2", RANER_THREADS="1") as server:
        wait_for(lambda: len(ready_workers(server)) == 2, 60)
        with (
            load(server.url, NEWS, clients=2, pause=0.02, model="news") as news,
            load(server.url, NEWS, clients=2, pause=0.02, model="resume") as resume,
        ):
            for update in range(UPDATES):
                version = (RIGHT, LEFT)[update % 2]
                set_active(f"twin:{version}")
                wait_for(lambda version=version: versions(server, "news") == {version: 2}, 60)
                for taken in (news, resume):
                    taken.wait_for_more(REQUESTS)
                memory.append(resident_bytes(server))
            assert versions(server, "resume") == {RIGHT: 2}
    growth = memory[-1] / memory[1] - 1
    print(f"\nnews {news.counts()}, resume {resume.counts()}")
    print(f"memory {[size // 2**20 for size in memory]} MiB, growth {growth:.1%}")
    assert not news.failed()
    assert not resume.failed()
    for outcome in (*news.outcomes, *resume.outcomes):
        meta, data = outcome.body["meta"], outcome.body["data"]
        assert [entity["type"] for entity in data] == types_of(meta["version"], expected[outcome.text])  # type: ignore[index]
    assert served_versions(news) == {LEFT, RIGHT}
    assert served_versions(resume) == {RIGHT}
    assert growth < 0.10
