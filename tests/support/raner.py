"""The `raner` command as a child process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.support.servers.service import PATIENCE_S, REPOSITORY, environment


def raner(*arguments: str, stdin: bytes = b"", **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run `raner` with arguments, without a shell."""
    command = [sys.executable, "-m", "ner_runtime.cli", *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, cwd=REPOSITORY, env=environment(**settings), timeout=PATIENCE_S
    )


def shell(command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run `raner` in a command line of a shell."""
    line = f"{sys.executable} -m ner_runtime.cli {command}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        input=stdin,
        capture_output=True,
        cwd=REPOSITORY,
        env=environment(),
        timeout=PATIENCE_S,
    )


def json_lines(run: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    """The JSON lines that a successful command has printed."""
    assert run.returncode == 0, run.stderr.decode()
    return [json.loads(line) for line in run.stdout.decode().splitlines()]
