"""The same output from a Ray cluster on this machine, also when one of its workers is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.raner import raner
from tests.support.servers.service import REPOSITORY, environment
from tests.support.servers.workers import wait_for
from tests.support.texts.corpora import contents, records, write_jsonl

pytest.importorskip("ray.data", reason="Ray is the extra bulk")

# A cluster on one machine takes minutes to start where the machine has more to do.
pytestmark = pytest.mark.faults

OPTIONS = ("--shard-records", "40")
RAY = (*OPTIONS, "--engine", "ray", "--workers", "2")


def test_output_is_that_of_the_local_engine_also_when_a_worker_is_killed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        write_jsonl(tmp_path / "in" / f"{name}.jsonl", [*records(400), {"id": "bad"}])
    source, local, output = (str(tmp_path / name) for name in ("in", "local", "ray"))
    lexicon = tmp_path / "names.tsv"
    lexicon.write_text("峰会\tEVENT\n", encoding="utf-8")
    assert raner("annotate", source, local, *OPTIONS, "--lexicon", str(lexicon)).returncode == 0
    command = [sys.executable, "-m", "ner_runtime.cli", "annotate", source, output, *RAY, "--lexicon", str(lexicon)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment(), stderr=log)
    try:
        wait_for(lambda: bool(list(Path(output).glob("_done/*"))) or process.poll() is not None, 600)
        assert process.poll() is None, (tmp_path / "log").read_text()[-2000:]
        killed = actors(process)[:1]
        for actor in killed:
            actor.kill()
        assert process.wait(600) == 0, (tmp_path / "log").read_text()[-2000:]
    finally:
        process.kill()
        process.wait()
    assert killed
    assert contents(Path(output)) == contents(Path(local))


def actors(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Ray's processes that hold a model, by the name that Ray gives them."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "_ShardWorker" in " ".join(child.cmdline())]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("auto", "the Ray cluster auto cannot be reached: "),
        ("127.0.0.1:1", "the Ray cluster 127.0.0.1:1 cannot be reached: Connection refused"),
        ("ray://127.0.0.1:1", "the Ray cluster ray://127.0.0.1:1 cannot be reached: Connection refused"),
        ("127.0.0.1:port", "--ray-address 127.0.0.1:port is not a valid address: "),
        ("head..local:1", "--ray-address head..local:1 is not a valid address: "),
    ],
)
def test_a_cluster_that_cannot_be_reached_is_one_line(tmp_path: Path, address: str, message: str) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", records(1))
    run = raner("annotate", str(source), str(tmp_path / "out"), *RAY, "--ray-address", address)
    assert run.returncode == 1
    [line] = run.stderr.decode().splitlines()
    assert line.startswith(f"raner: {message}")


def test_a_finished_run_leaves_nothing_to_do(tmp_path: Path) -> None:
    source, output = write_jsonl(tmp_path / "in.jsonl", records(50)), tmp_path / "out"
    assert raner("annotate", str(source), str(output), *OPTIONS).returncode == 0
    before = contents(output)
    run = subprocess.run(
        [sys.executable, "-m", "ner_runtime.cli", "annotate", str(source), str(output), *RAY, "--resume"],
        cwd=REPOSITORY,
        env={**environment(), "RAY_ADDRESS": ""} if "RAY_ADDRESS" in os.environ else environment(),
        capture_output=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr.decode()[-2000:]
    assert contents(output) == before
