from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Raner


@pytest.fixture
def run_raner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Raner:
    """The `raner` command in this process, with an empty store: a process of its own takes a second to start."""
    return Raner(tmp_path, capsys)
