"""The choice of the number of workers, and one real measurement."""

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
from loadtest.tuner import Measurement, best_measurement, memory_monitor, table, write_report
from tests.support.servers import REPOSITORY, environment


def measurement(workers: int, per_s: float, p99: float, failed: str | None = None) -> Measurement:
    return Measurement(workers=workers, texts_per_s=per_s, p50_ms=p99 / 2, p99_ms=p99, memory_mib=300, failed=failed)


@pytest.mark.parametrize(
    ("measurements", "best"),
    [
        ([measurement(1, 100, 90), measurement(2, 180, 120), measurement(3, 170, 150)], 2),
        ([measurement(1, 100, 90), measurement(2, 180, 1200), measurement(3, 170, 150)], 3),
        ([measurement(1, 100, 90), measurement(2, 180, 120, failed="2 wrong responses"), measurement(3, 170, 150)], 3),
        ([measurement(1, 100, 90), measurement(2, 102, 80)], 1),
        ([measurement(1, 100, 1001), measurement(2, 102, 2000)], None),
        ([], None),
    ],
)
def test_best_is_the_fastest_within_the_bound_and_the_smallest_of_equals(
    measurements: list[Measurement], best: int | None
) -> None:
    found = best_measurement(measurements, 1000)
    assert (found.workers if found else None) == best


def test_report(tmp_path: Path) -> None:
    measurements = [measurement(1, 100, 90), measurement(2, 180, 120)]
    write_report(tmp_path / "tune", measurements, measurements[1], 1000, Shape(ShapeName.STEADY, 8, 40))
    assert "| 2 | 180.0 | 60.0 | 120.0 | 300.0 | best |" in (tmp_path / "tune.md").read_text()
    record = json.loads((tmp_path / "tune.json").read_text())
    assert (record["best_workers"], [one["workers"] for one in record["trials"]]) == (2, [1, 2])
    assert "180.0" in (tmp_path / "tune.svg").read_text()
    assert "9 wrong responses" in table([measurement(1, 1, 1, failed="9 wrong responses")], None)


def test_chart_is_valid_xml_and_its_bars_are_to_scale() -> None:
    chart = ET.fromstring(bars("a & b", {"<1>": 50, "2": 100}))  # noqa: S314 - our own
    heights = [float(bar.attrib["height"]) for bar in chart.iter("{http://www.w3.org/2000/svg}rect")]
    assert heights[1] == 2 * heights[0]
    assert ET.fromstring(bars("nothing", {})) is not None  # noqa: S314


def test_memory_is_measured() -> None:
    with memory_monitor(os.getpid()) as samples:
        subprocess.run(["sleep", "2.5"], check=True)
    assert samples
    assert all(mib > 10 for mib in samples)


def test_real_measurement(tmp_path: Path) -> None:
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
