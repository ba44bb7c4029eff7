"""`scripts/image` with programs in place of docker, podman and buildah; `make image-test` builds and runs the image."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from ner_runtime import __version__
from tests.support.servers.service import PATIENCE_S, REPOSITORY

DOCKERFILE = (REPOSITORY / "deploy/image/Dockerfile").read_text(encoding="utf-8")


@pytest.fixture
def bento(tmp_path: Path) -> Path:
    """The files of a bento that the script reads."""
    package = tmp_path / "bento/src/ner_runtime"
    package.mkdir(parents=True)
    (tmp_path / "bento/bento.yaml").touch()
    (package / "__init__.py").write_text((REPOSITORY / "ner_runtime/__init__.py").read_text(encoding="utf-8"))
    return tmp_path / "bento"


def install(directory: Path, name: str, *, running: bool = True) -> None:
    """Install a program that prints its arguments, one per line; `NAME info` tells whether it runs."""
    program = directory / name
    program.write_text(f'#!/bin/sh\nif [ "$1" = info ]; then exit {int(not running)}; fi\nprintf "%s\\n" {name} "$@"\n')
    program.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory of programs that holds none of the backends, but what the script needs besides."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("bash", "dirname", "git", "sed", "cat", "sh"):
        path = shutil.which(name)
        assert path, f"{name} is missing"
        (directory / name).symlink_to(path)
    return directory


def image(programs: Path, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": os.environ["HOME"], "PATH": str(programs), **variables}
    command = [str(REPOSITORY / "scripts/image"), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)


def test_it_builds_with_the_first_backend_that_runs(programs: Path, bento: Path) -> None:
    install(programs, "docker", running=False)
    install(programs, "podman")
    install(programs, "buildah")
    run = image(programs, bento)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[0] == "podman"
    assert run.stdout.splitlines()[-1] == "image: built raner:latest with podman"


def test_it_passes_name_labels_base_and_options(programs: Path, bento: Path) -> None:
    install(programs, "docker")
    install(programs, "buildah")
    variables = {"BASE": "mirror.example/python:3.11-slim", "SOURCE": "https://git.example/raner"}
    run = image(programs, "--backend", "buildah", "--tag", "news:1", bento, "--platform", "linux/arm64", **variables)
    arguments = run.stdout.splitlines()
    pairs = set(pairwise(arguments))
    assert pairs >= {
        ("buildah", "build"),
        ("--tag", "news:1"),
        ("--label", f"org.opencontainers.image.version={__version__}"),
        ("--label", "org.opencontainers.image.source=https://git.example/raner"),
        ("--format", "docker"),
        ("--build-arg", "BASE=mirror.example/python:3.11-slim"),
        ("--platform", "linux/arm64"),
    }


def test_without_a_backend_it_says_what_it_needs(programs: Path, bento: Path) -> None:
    install(programs, "docker", running=False)
    run = image(programs, bento)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "image: needs docker, podman or buildah; none of them is installed and running\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backend", "docker"], "image: docker is not installed or does not run; `docker info` shows why\n"),
        (["--backend", "kaniko"], "image: unknown backend kaniko; known: docker, podman, buildah\n"),
        (["--tag"], "image: --tag needs a value\n"),
    ],
)
def test_wrong_options_are_one_line(programs: Path, arguments: list[str], message: str) -> None:
    run = image(programs, *arguments)
    assert (run.returncode, run.stderr) == (1, message)


def test_it_refuses_a_directory_that_is_not_a_bento(programs: Path, tmp_path: Path) -> None:
    install(programs, "docker")
    run = image(programs, tmp_path)
    assert (run.returncode, run.stderr) == (1, f"image: {tmp_path} is not the directory of a bento\n")


def test_the_image_has_labels_a_health_check_and_a_user() -> None:
    instructions = {line.split(maxsplit=1)[0] for line in DOCKERFILE.splitlines() if re.match("[A-Z]+ ", line)}
    assert {"LABEL", "HEALTHCHECK", "USER", "ENTRYPOINT"} <= instructions
    assert 'org.opencontainers.image.licenses="Apache-2.0"' in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE
    assert DOCKERFILE.rindex("USER 1034:1034") > DOCKERFILE.rindex("RUN ")


def test_the_image_and_the_bento_have_the_same_base() -> None:
    base = re.search(r'base_image="([^"]+)"', (REPOSITORY / "service.py").read_text(encoding="utf-8"))
    assert base
    assert f"ARG BASE={base[1]}\n" in DOCKERFILE
