"""The `raner` command in this process, so that PyTorch is imported once for all tests; and what a store then holds."""

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
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def only_line(self) -> str:
        """The one line on the standard error."""
        [line] = self.err.splitlines()
        return line


class Raner:
    """The command, with a store of its own."""

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
        said = self._capsys.readouterr()
        return Run(status, said.out, said.err)

    def refusal(self, directory: Path) -> str:
        """The line with which `raner import` refuses a checkpoint, leaving nothing behind."""
        run = self("import", str(directory), "--precision", "fp32")
        *told, line = run.err.splitlines()
        assert (run.status, run.out) == (1, ""), run.err
        assert all(said.startswith(("raner: reading ", "raner: exporting ")) for said in told), run.err
        assert (self.tags, self.staged) == ([], [])
        return line

    @property
    def tags(self) -> list[str]:
        """What lies in the store."""
        return sorted(f"{path.parent.name}:{path.name}" for path in self.home.glob("models/*/*") if path.is_dir())

    @property
    def staged(self) -> list[str]:
        """What lies where things are made."""
        return sorted(path.name for path in self.home.glob("raner/staging/*"))

    @property
    def active(self) -> str | None:
        pointer = self.home / "raner" / "active"
        return pointer.read_text().strip() if pointer.exists() else None
