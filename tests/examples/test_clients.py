"""The example clients against the real service."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers.service import REPOSITORY

CLIENTS = REPOSITORY / "examples" / "clients"


def run(*command: str) -> str:
    done = subprocess.run([*command], capture_output=True, timeout=300, cwd=CLIENTS)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


def test_curl(service_url: str) -> None:
    body = json.loads(run("bash", "curl.sh", service_url))
    assert [(entity["type"], entity["span"]) for entity in body["data"]] == [("PER", "马云"), ("LOC", "杭州")]


def test_python(service_url: str) -> None:
    lines = run(sys.executable, "client.py", service_url).splitlines()
    assert lines[:2] == ["PER 马云 0 2", "LOC 杭州 3 5"]


def test_python_async(service_url: str) -> None:
    assert run(sys.executable, "client_async.py", service_url).startswith("100 texts, ")


@needs("node")
def test_javascript_counts_utf16(service_url: str) -> None:
    # The emoji takes two code units.
    assert run("node", "client.mjs", service_url).splitlines()[:2] == ["PER 马云 2 4", "LOC 杭州 5 7"]


@needs("javac")
def test_java_counts_utf16(service_url: str) -> None:
    body = json.loads(run("java", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "Client.java", service_url))
    assert [entity["start_offset"] for entity in body["data"][:2]] == [2, 5]


def test_a_client_generated_from_the_openapi_document(service_url: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text("post_hooks: []\npackage_name_override: raner_client\n")
    generate = [sys.executable, "-m", "openapi_python_client", "generate", "--url", f"{service_url}/docs.json"]
    run(*generate, "--config", str(config), "--output-path", str(tmp_path / "client"), "--meta", "none")
    program = (Path(__file__).parent / "generated_client.py").read_text(encoding="utf-8")
    (tmp_path / "use.py").write_text(program, encoding="utf-8")
    assert run(sys.executable, str(tmp_path / "use.py"), service_url).splitlines() == ["PER 马云 0 2", "LOC 杭州 3 5"]
