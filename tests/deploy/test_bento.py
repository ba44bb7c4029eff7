"""The bento: its contents, and that it serves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ner_runtime import __version__
from tests.support.servers.service import PATIENCE_S, REPOSITORY, environment, serve
from tests.support.texts.examples import EXAMPLE, EXAMPLE_SPANS, spans

MAX_BYTES = 20 * 1024 * 1024
# Nothing listens on this port, so that any access to a package index fails.
NO_NETWORK = dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bentoml")


@pytest.fixture(scope="module")
def bento(home: Path) -> Path:
    """A bento as `make bento` builds it."""
    built = environment(BENTOML_HOME=str(home), **NO_NETWORK)
    run = subprocess.run(
        ["scripts/bento"], cwd=REPOSITORY, env=built, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert run.returncode == 0, run.stderr
    tag, size, place = run.stdout.split()
    assert (tag.partition(":")[0], size[-1]) == ("raner", "M")
    return Path(place)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def tracked(*paths: str) -> set[str]:
    run = subprocess.run(["git", "ls-files", "-z", *paths], cwd=REPOSITORY, capture_output=True, check=True)
    return set(filter(None, run.stdout.decode().split("\0")))


def test_it_contains_the_service_and_the_load_test_and_nothing_else(bento: Path) -> None:
    held = files(bento / "src")
    needed = tracked("service.py", "ner_runtime", "static", "loadtest", "requirements/serve.txt", "LICENSE")
    assert not needed - held
    assert {
        f"ner_runtime/embedded/raner-mini/{name}" for name in ("model.onnx", "model.json", "crf.npz", "vocab.txt")
    } <= held
    top_level = {name.partition("/")[0] for name in held}
    assert top_level == {"service.py", "ner_runtime", "static", "loadtest", "requirements", "LICENSE", "bentofile.yaml"}
    assert not [name for name in held if "__pycache__" in name or name.startswith("loadtest/reports")]
    assert (bento / "README.md").is_file()


def test_it_is_small(bento: Path) -> None:
    assert sum(path.stat().st_size for path in bento.rglob("*") if path.is_file()) < MAX_BYTES


def test_the_image_installs_the_locked_packages_and_no_compilers(bento: Path) -> None:
    locked, installed = (
        set(re.findall(r"^[\w.-]+==[^ ;\n]+|--hash=\S+", path.read_text(), re.MULTILINE))
        for path in (REPOSITORY / "requirements/serve.txt", bento / "env/python/requirements.txt")
    )
    assert installed == locked
    assert not [name for name in installed if name.startswith("torch")]
    dockerfile = (bento / "env/docker/Dockerfile").read_text()
    assert "FROM python:3.11-slim" in dockerfile
    assert "apt-get" not in dockerfile
    assert "UV_OVERRIDE=requirements/overrides.txt" in dockerfile


def test_it_does_not_need_to_be_installed(bento: Path) -> None:
    # In the image the package is not installed; it lies beside service.py.
    source = bento / "src"
    program = REPOSITORY / "tests" / "support" / "programs" / "import_uninstalled.py"
    run = subprocess.run(
        [sys.executable, str(program)],
        cwd=source,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert run.stdout.split() == [str(source / "service.py"), __version__], run.stderr


def test_it_serves(bento: Path, home: Path, tmp_path: Path) -> None:
    tag = f"raner:{bento.name}"
    settings = {"BENTOML_HOME": str(home), "RANER_WORKERS": "1", "RANER_THREADS": "1"}
    with serve(tmp_path / "log", target=tag, folder=tmp_path, **settings) as server, server.client() as client:
        assert spans(client.post("/ner", json={"text": EXAMPLE}).json()["data"]) == EXAMPLE_SPANS
        assert "<title>" in client.get("/").text
        assert client.get("/static/app.css").status_code == 200
