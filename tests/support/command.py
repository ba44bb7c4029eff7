"""Run the `raner` command in the test process, so that PyTorch is imported only once."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from ner_runtime.cli.app import main


@dataclass(frozen=True)
class Run:
    """The result of a command."""

    status: int
    out: str
    err: str

    @property
    def only_line(self) -> str:
        """The only line on standard error."""
        [line] = self.err.splitlines()
        return line


class Raner:
    """The `raner` command with its own store."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Run:
        self._capsys.readouterr()
        status = 0
        with patch.object(sys, "argv", ["raner", *arguments]), patch.dict(os.environ, BENTOML_HOME=str(self.home)):
            try:
                main()
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = self._capsys.readouterr()
        return Run(status, captured.out, captured.err)

    def refusal(self, directory: Path) -> str:
        """Import an invalid checkpoint; check that nothing is stored and return the error line."""
        run = self("import", str(directory), "--precision", "fp32")
        *progress, line = run.err.splitlines()
        assert (run.status, run.out) == (1, ""), run.err
        assert all(step.startswith(("raner: reading ", "raner: exporting ")) for step in progress), run.err
        assert (self.tags, self.staged) == ([], [])
        return line

    @property
    def tags(self) -> list[str]:
        """Tags of the stored models."""
        return sorted(f"{path.parent.name}:{path.name}" for path in self.home.glob("models/*/*") if path.is_dir())

    @property
    def staged(self) -> list[str]:
        """Names of the staging directories."""
        return sorted(path.name for path in self.home.glob("raner/staging/*"))

    @property
    def active(self) -> str | None:
        pointer = self.home / "raner" / "active"
        return pointer.read_text().strip() if pointer.exists() else None
