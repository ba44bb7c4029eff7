"""Write the recommended settings to an `.env` file, as deploy/compose reads it."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from loadtest.tuner.candidates import Candidate

_HEADROOM = 1.5
_STEP_MIB = 64


def env_variables(candidate: Candidate, memory_mib: float) -> dict[str, str]:
    """Return the variables for a candidate: settings of the service, and limits of its container.

    Args:
        memory_mib: the measured memory of the service; the limit is 1.5 times as much
    """
    limit = math.ceil(memory_mib * _HEADROOM / _STEP_MIB) * _STEP_MIB
    return {**candidate.variables, "RANER_CPUS": f"{candidate.cpus}.0", "RANER_MEMORY": f"{limit}m"}


def merged(text: str, variables: Mapping[str, str]) -> str:
    """Return the text of an `.env` file with these variables set. Other lines stay as they are."""
    left = dict(variables)
    lines: list[str] = []
    for line in text.splitlines():
        name = line.partition("=")[0].strip()
        if name in variables:
            if name in left:
                lines.append(f"{name}={left.pop(name)}")
        else:
            lines.append(line)
    return "\n".join([*lines, *(f"{name}={value}" for name, value in left.items())]) + "\n"


def check_env(path: Path) -> None:
    """Check that `write_env` can write a file.

    Raises:
        OSError: the file cannot be read or written.
        UnicodeDecodeError: the file is not UTF-8.
    """
    if path.exists():
        path.read_text(encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=path.parent).close()


def write_env(path: Path, variables: Mapping[str, str]) -> None:
    """Create an `.env` file, or set the variables in an existing one. It is never readable by more users than before.

    Raises:
        OSError: the file cannot be read or written; an existing file is unchanged.
    """
    exists = path.exists()
    text = path.read_text(encoding="utf-8") if exists else "# Written by `make tune`.\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not `write_atomically`: the file may hold keys and passwords, and that makes files readable by all users.
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}-", delete=False
    ) as file:
        try:
            file.write(merged(text, variables))
            file.flush()
            if exists:
                os.chmod(file.name, path.stat().st_mode & 0o777)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
