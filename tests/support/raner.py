"""The `raner` command as a child process."""

from __future__ import annotations

import subprocess
import sys

from tests.support.servers import REPOSITORY, environment


def raner(*arguments: str, stdin: bytes = b"", **settings: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "ner_runtime.cli", *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, cwd=REPOSITORY, env=environment(**settings), timeout=120
    )


def shell(command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`raner` in a line of a shell."""
    line = f"{sys.executable} -m ner_runtime.cli {command}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        input=stdin,
        capture_output=True,
        cwd=REPOSITORY,
        env=environment(),
        timeout=120,
    )
