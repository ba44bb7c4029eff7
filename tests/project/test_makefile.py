"""The commands of the Makefile, as `make -n` prints them."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.support.servers.service import REPOSITORY


def commands(*arguments: str, **variables: str) -> str:
    return subprocess.run(
        ["make", "--dry-run", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_make_faults_runs_every_test_of_that_marker() -> None:
    marked = {path for path in (REPOSITORY / "tests").rglob("test_*.py") if "pytest.mark.faults" in path.read_text()}
    folders = {word for word in commands("faults").split() if word.startswith("tests/")}
    assert {path.parent.relative_to(REPOSITORY).as_posix() for path in marked} - {"tests/project"} == folders


@pytest.mark.parametrize(
    ("target", "name", "option"), [("tune", "ENV", "--env"), ("bench-annotate", "LINES", "--lines")]
)
def test_variables_of_the_shell_are_not_options(target: str, name: str, option: str) -> None:
    assert f"{option} 5" in commands(target, f"{name}=5")
    assert f"{option} 5" not in commands(target, **{name: "5"})
