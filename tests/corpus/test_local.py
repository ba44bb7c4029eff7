"""Runs that are killed at any moment lose and double nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.raner import raner
from tests.support.servers.service import REPOSITORY, environment
from tests.support.servers.workers import wait_for
from tests.support.texts.corpora import contents, read_parts, records, write_jsonl

RECORDS = records(400)
# Ten shards.
OPTIONS = ("--shard-records", "40")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_jsonl(tmp_path_factory.mktemp("corpus") / "in.jsonl", [*RECORDS, {"id": "bad"}])


@pytest.fixture(scope="module")
def undisturbed(source: Path) -> dict[str, bytes]:
    """The files of a run that nothing disturbs."""
    output = source.parent / "undisturbed"
    run = raner("annotate", str(source), str(output), *OPTIONS)
    assert run.returncode == 0, run.stderr
    return contents(output)


def start(source: Path, output: Path, workers: int, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ner_runtime.cli", "annotate", str(source), str(output), *OPTIONS, *options]
    return subprocess.Popen(
        [*command, "--workers", str(workers)], cwd=REPOSITORY, env=environment(), stderr=subprocess.DEVNULL
    )


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "before the first shard": lambda output: (output / "_plan.json").exists(),
    "as the first part is there": lambda output: bool(list(output.glob("part-*"))),
    "in the middle": lambda output: len(list(output.glob("_done/*"))) >= 4,
}


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.faults)])
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_killed_and_resumed_it_writes_what_an_undisturbed_run_writes(
    source: Path, tmp_path: Path, undisturbed: dict[str, bytes], moment: Callable[[Path], bool], workers: int
) -> None:
    output = tmp_path / "out"
    process = start(source, output, workers)
    wait_for(lambda: moment(output), 120)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (output / "_SUCCESS").exists()
    run = raner("annotate", str(source), str(output), *OPTIONS, "--workers", str(workers), "--resume")
    assert run.returncode == 0, run.stderr
    assert contents(output) == undisturbed


@pytest.mark.parametrize("lost", ["_done/00000-000003.json", "part-00000-000003.jsonl", "_SUCCESS"])
def test_a_shard_without_its_marker_is_written_again(
    source: Path, tmp_path: Path, undisturbed: dict[str, bytes], lost: str
) -> None:
    # Each file that a kill between two writes leaves out, with those that are written after it.
    output = tmp_path / "out"
    order = ["part-00000-000003.jsonl", "_done/00000-000003.json", "_SUCCESS"]
    for name, content in undisturbed.items():
        if name not in order[order.index(lost) :]:
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            (output / name).write_bytes(content)
    assert raner("annotate", str(source), str(output), *OPTIONS, "--resume").returncode == 0
    assert contents(output) == undisturbed


def test_a_killed_worker_ends_the_run_which_can_be_resumed(
    source: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    output = tmp_path / "out"
    process = start(source, output, 2)
    # While the workers load the model: later, the run could end before the test kills one of them.
    wait_for(lambda: len(spawned(process)) == 2, 120)
    spawned(process)[1].kill()
    assert process.wait(120) == 1
    assert raner("annotate", str(source), str(output), *OPTIONS, "--resume").returncode == 0
    assert contents(output) == undisturbed


def spawned(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The workers of a run."""
    return [child for child in psutil.Process(process.pid).children() if "spawn_main" in str(child.cmdline())]


def test_workers_end_with_a_run_that_is_killed(source: Path, tmp_path: Path) -> None:
    process = start(source, tmp_path / "out", 2)
    wait_for(lambda: bool(list((tmp_path / "out").glob("_done/*"))), 120)
    children = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    assert psutil.wait_procs(children, 60)[1] == []


def test_nothing_is_lost_or_doubled(source: Path, undisturbed: dict[str, bytes]) -> None:
    rows = read_parts(source.parent / "undisturbed")
    assert [{"id": row["id"], "text": row["text"]} for row in rows] == RECORDS
    assert sum(name.startswith("bad/") for name in undisturbed) == 1
