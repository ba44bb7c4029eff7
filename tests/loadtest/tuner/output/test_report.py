"""The reports: complete, and readable without any other file."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.tuner.output.chart import Line, line_chart, ticks
from loadtest.tuner.output.report import confidence, write_reports
from loadtest.tuner.tuning import Trial, Tuning
from tests.support.tunings import ONE, TWO, WIDE, run, trial, tuning

MACHINE = {"processor": "A <fast> one", "CPUs": 2}


@pytest.fixture
def state() -> Tuning:
    dropped = Trial(candidate=ONE, closed_loop=90, runs=[run(150, False)], note="dropped: cannot reach", done=True)
    return tuning(trial(TWO, 400), trial(WIDE, 200, limited="busy"), dropped)


def test_reports(state: Tuning, tmp_path: Path) -> None:
    write_reports(tmp_path / "tune", state, MACHINE)
    with (tmp_path / "tune.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    assert rows[0]["workers"] == "2"
    assert (rows[0]["rate"], rows[0]["passed"], rows[0]["p99_ms"]) == ("400.0", "True", "100.0")
    record = json.loads((tmp_path / "tune.json").read_text())
    assert record["recommended"]["RANER_WORKERS"] == "2"
    assert [item["rate"] for item in record["trials"]] == [400, 200, 0]
    assert record["trials"][0]["rate_per_cpu"] == 200
    assert record["trials"][1]["lower_bound"] == "busy"


def test_the_page_needs_no_other_file(state: Tuning, tmp_path: Path) -> None:
    write_reports(tmp_path / "tune", state, MACHINE)
    page = (tmp_path / "tune.html").read_text()
    assert not re.search(r"https?:|//|\bsrc=|\bhref=|@import|url\(", page.replace("<!doctype html>", ""))
    assert "A &lt;fast&gt; one" in page
    assert "RANER_WORKERS=2" in page
    assert "knee 400/s" in page
    tags: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(tag)

    Parser().feed(page)
    assert tags.count("polyline") == 2 * 3 + 3 * 3


def test_confidence(state: Tuning) -> None:
    texts = [confidence(item, state) for item in state.trials]
    assert texts[0] == "2 of 2 runs met the goal; rate known to within 4 %; P99 between 90 and 110 ms"
    assert texts[1].endswith("a lower bound: busy")
    assert texts[2] == "no rate met the goal; dropped: cannot reach"


@given(st.floats(1e-3, 1e6))
def test_ticks_are_few_and_fit(high: float) -> None:
    marks = ticks(high)
    assert marks[0] == 0
    assert 0 < marks[-1] <= high
    assert 3 <= len(marks) <= 6


def test_chart_is_valid_xml_and_to_scale() -> None:
    chart = ET.fromstring(line_chart("a & b", "x", [Line("<1>", [(0, 0), (50, 50), (100, 100)], 0)], goal=80, knee=50))  # noqa: S314 - our own
    [path] = chart.iter("polyline")
    points = [tuple(map(float, pair.split(","))) for pair in path.attrib["points"].split()]
    assert points[1] == pytest.approx([(points[0][axis] + points[2][axis]) / 2 for axis in (0, 1)], abs=0.1)
    assert ET.fromstring(line_chart("nothing", "x", [])) is not None  # noqa: S314
