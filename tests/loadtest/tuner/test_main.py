"""The command: one real measurement with the embedded model, and wrong usage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.tuner.__main__ import main
from scripts.compose_check import read_env
from tests.support.servers.service import PATIENCE_S, REPOSITORY, environment

# The disk fills up during the measurements.
FULL_DISK = """
import errno, os, sys
from loadtest.tuner import __main__ as tuner

def write_env(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

tuner.write_env = write_env
sys.exit(tuner.main())
"""


def tune(*arguments: str, program: tuple[str, str] = ("-m", "loadtest.tuner")) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *program, *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=PATIENCE_S
    )


def test_real_measurement_survives_an_env_file_that_cannot_be_written(tmp_path: Path) -> None:
    texts, report, checkpoint = tmp_path / "texts.txt", tmp_path / "tune", tmp_path / "checkpoint.json"
    texts.write_text('马云在杭州。\n{"text": "姚明从上海飞往北京。"}\n', encoding="utf-8")
    # The budget ends the search early: the test needs no more than one run.
    options = ["--workers", "1", "--threads", "1", "--engines", "onnxruntime", "--seconds", "1", "--budget", "6"]
    options += ["--goal-ms", "20000", "--texts", str(texts), "--report", str(report), "--checkpoint", str(checkpoint)]
    options += ["--env", str(tmp_path / ".env")]
    failed = tune(*options, program=("-c", FULL_DISK))
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert f"{tmp_path / '.env'} cannot be written: No space left on device" in failed.stderr
    assert "Traceback" not in failed.stderr
    [measured] = json.loads(checkpoint.read_text())["trials"]

    # The second command finds the measurement in the checkpoint.
    done = tune(*options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "RANER_WORKERS=1" in done.stdout.splitlines()
    assert read_env(tmp_path / ".env")["RANER_ENGINE"] == "onnxruntime"
    [trial] = json.loads(report.with_suffix(".json").read_text())["trials"]
    assert trial["runs"] == measured["runs"]
    assert trial["rate"] > 0
    assert trial["memory_mib"] > 50
    assert trial["cpu_ms"] > 0
    assert report.with_suffix(".html").is_file()
    assert not checkpoint.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--goal-ms", "0"], "argument --goal-ms: should be a number greater than 0"),
        (["--goal-ms", "fast"], "argument --goal-ms: should be a number greater than 0"),
        (["--workers", "0"], "argument --workers: should be whole numbers of at least 1, separated by commas"),
        (["--threads", "1,a"], "argument --threads: should be whole numbers of at least 1, separated by commas"),
        (["--engines", "tensorrt"], "argument --engines: should be names of engines, of onnxruntime, openvino"),
        (["--texts", "/no/such/file"], "/no/such/file"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--report", "--checkpoint", "--env"])
def test_a_file_that_cannot_be_written_is_reported_before_the_measurements(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "new"
    outputs = {"--report": tmp_path / "tune", "--checkpoint": tmp_path / "checkpoint", "--env": tmp_path / ".env"}
    with pytest.raises(SystemExit) as ended:
        main([str(part) for pair in (outputs | {option: path}).items() for part in pair])
    assert ended.value.code == 2
    assert f"{path} cannot be written: " in capsys.readouterr().err


def test_an_env_file_that_is_not_utf8_is_reported_before_the_measurements(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_bytes("GRAFANA_PASSWORD=密码".encode("gb18030"))
    with pytest.raises(SystemExit) as ended:
        main(["--report", str(tmp_path / "tune"), "--env", str(tmp_path / ".env")])
    assert ended.value.code == 2
    assert ".env is not UTF-8" in capsys.readouterr().err
