"""The commands in docs/ run, or say what they need.

A command is in a block marked `sh`. `# needs …` behind a command, or as the first line of a block, marks what the tests
do not have. The tests run all other commands of `raner` and `curl`, page by page, and `printf`, which writes files for
them; TESTED names the tests that run the rest.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers.service import PATIENCE_S, REPOSITORY, environment
from tests.support.texts.corpora import records, write_jsonl

PAGES = sorted((REPOSITORY / "docs").glob("*.md"))
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
NEEDS = re.compile(r"#.*\bneeds? \S")

TESTED = {
    "make kubernetes-check": "tests/deploy/test_kubernetes.py",
    "make bento": "tests/deploy/test_bento.py",
    "make sbom": "tests/project/test_sbom.py",
    "python -m benchmarks.autoscaling": "tests/benchmarks/test_autoscaling.py",
    "export BENTOML_CONFIG_OPTIONS": "tests/service/test_monitoring.py",
}
"""Tests by the beginning of the commands that they run."""


def commands(page: Path) -> list[str]:
    """The commands of a page that are not marked, without comments."""
    found: list[str] = []
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        lines = re.sub(r"\\\n\s*", "", block).splitlines()
        if lines[0].startswith("#") and NEEDS.match(lines[0]):
            continue
        found += [line for line in lines if line.strip() and not line.startswith("#") and not NEEDS.search(line)]
    return [re.sub(r"\s+#.*", "", line) for line in found]


def pages_with(program: str) -> pytest.MarkDecorator:
    """Run a test for each page with commands of a program."""
    pages = [page for page in PAGES if any(command.startswith(f"{program} ") for command in commands(page))]
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.name)


@EACH_PAGE
def test_a_command_that_no_test_runs_says_what_it_needs(page: Path) -> None:
    for command in commands(page):
        tested = [test for start, test in TESTED.items() if command.startswith(start)]
        assert tested or command.split()[0] in ("raner", "curl", "printf"), f"run by no test and not marked: {command}"
        assert all((REPOSITORY / test).is_file() for test in tested)


@EACH_PAGE
def test_make_takes_the_targets_and_variables(page: Path) -> None:
    for target in re.findall(r"^make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
        run = subprocess.run(["make", "--dry-run", target], cwd=REPOSITORY, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr


@pages_with("raner")
def test_the_commands_of_raner_run(page: Path, tmp_path: Path) -> None:
    # The files that the pages name.
    write_jsonl(tmp_path / "corpus.jsonl", records(20))
    for command in commands(page):
        if command.startswith(("raner ", "printf ")):
            line = re.sub("^raner ", f"{sys.executable} -m ner_runtime.cli ", command)
            run = subprocess.run(
                ["bash", "-c", line],
                cwd=tmp_path,
                env=environment(PYTHONPATH=str(REPOSITORY)),
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
            )
            assert run.returncode == 0, f"{command}\n{run.stderr}"


@pages_with("curl")
def test_the_requests_of_curl_succeed(page: Path, service_url: str) -> None:
    for command in commands(page):
        if command.startswith("curl "):
            arguments = shlex.split(command.replace("localhost:3000", service_url.removeprefix("http://")))
            run = subprocess.run(
                [*arguments, "--fail-with-body", "-sS"], capture_output=True, text=True, timeout=PATIENCE_S
            )
            assert run.returncode == 0, f"{command}\n{run.stdout}{run.stderr}"
