"""Which count of workers wins, and one real trial."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from loadtest.chart import bars
from loadtest.shapes import Shape, ShapeName
from loadtest.tuner import Trial, best_of, memory_watched, table, write_report
from tests.support.servers import REPOSITORY, environment


def trial(workers: int, per_s: float, p99: float, failed: str | None = None) -> Trial:
    return Trial(workers=workers, texts_per_s=per_s, p50_ms=p99 / 2, p99_ms=p99, memory_mib=300, failed=failed)


@pytest.mark.parametrize(
    ("trials", "best"),
    [
        ([trial(1, 100, 90), trial(2, 180, 120), trial(3, 170, 150)], 2),
        ([trial(1, 100, 90), trial(2, 180, 1200), trial(3, 170, 150)], 3),
        ([trial(1, 100, 90), trial(2, 180, 120, failed="2 wrong answers"), trial(3, 170, 150)], 3),
        ([trial(1, 100, 90), trial(2, 102, 80)], 1),
        ([trial(1, 100, 1001), trial(2, 102, 2000)], None),
        ([], None),
    ],
)
def test_the_best_is_the_fastest_within_the_bound_and_the_smallest_of_equals(
    trials: list[Trial], best: int | None
) -> None:
    found = best_of(trials, 1000)
    assert (found.workers if found else None) == best


def test_the_report(tmp_path: Path) -> None:
    trials = [trial(1, 100, 90), trial(2, 180, 120)]
    write_report(tmp_path / "tune", trials, trials[1], 1000, Shape(ShapeName.STEADY, 8, 40))
    assert "| 2 | 180.0 | 60.0 | 120.0 | 300.0 | best |" in (tmp_path / "tune.md").read_text()
    record = json.loads((tmp_path / "tune.json").read_text())
    assert (record["best_workers"], [one["workers"] for one in record["trials"]]) == (2, [1, 2])
    assert "180.0" in (tmp_path / "tune.svg").read_text()
    assert "9 wrong answers" in table([trial(1, 1, 1, failed="9 wrong answers")], None)


def test_the_chart_is_sound_and_its_bars_are_to_scale() -> None:
    chart = ET.fromstring(bars("a & b", {"<1>": 50, "2": 100}))  # noqa: S314 - our own
    heights = [float(bar.attrib["height"]) for bar in chart.iter("{http://www.w3.org/2000/svg}rect")]
    assert heights[1] == 2 * heights[0]
    assert ET.fromstring(bars("nothing", {})) is not None  # noqa: S314


def test_memory_is_seen() -> None:
    with memory_watched(os.getpid()) as seen:
        subprocess.run(["sleep", "2.5"], check=True)
    assert seen
    assert all(mib > 10 for mib in seen)


def test_a_real_trial(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtest.tuner", "--workers", "1", "--users", "2", "--seconds", "5"]
    run = subprocess.run(
        [*command, "--max-p99-ms", "60000", "--report", str(tmp_path / "tune")],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.rstrip().endswith("RANER_WORKERS=1")
    [only] = json.loads((tmp_path / "tune.json").read_text())["trials"]
    assert only["texts_per_s"] > 0
    assert only["memory_mib"] > 50
