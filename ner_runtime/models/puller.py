"""Puller: `raner pull` in a process of its own, since it needs PyTorch and a service must not keep that in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_PACKAGES = Path(__file__).parents[2]


def run_pull(*arguments: str, errors: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run `raner pull` with arguments and wait for it.

    Args:
        arguments: of the command
        errors: `subprocess.PIPE` to have the standard error in the result; by default it goes where this process's goes
    """
    # In a bento the package is not installed, but lies beside the service.
    path = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
    return subprocess.run(  # noqa: S603 - our own command, and references that have been looked at
        [sys.executable, "-m", "ner_runtime.cli", "pull", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env={**os.environ, "PYTHONPATH": path},
        text=True,
        check=False,
    )
