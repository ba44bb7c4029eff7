"""`make loadtest`: one run against a running service, or one that is started for it; report, table, verdict.

Exit status 0: every answer was right and the failure rate is within the bound; 1: not so; 2: wrong usage.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from loadtest.service import ROOT, NotRunning, own_service, wait_until_ready
from loadtest.shapes import DEFAULT_SECONDS, Shape, ShapeName
from loadtest.summary import Summary

REPORTS = Path(__file__).parent / "reports"
MAX_FAILURE_RATE = 0.01
"""The bound, where none is given: more failures than this fail the run. Wrong answers always do."""


def run_load(url: str, shape: Shape, report: Path, *, think: float = 1.0, only_short: bool = False) -> Summary:
    """Run Locust on a service. Writes `report` with .html, .json, .log and Locust's .csv files.

    Args:
        only_short: readers of short texts alone, measured from the moment all of them are there.

    Raises:
        NotRunning: Locust did not come to its end.
    """
    report.parent.mkdir(parents=True, exist_ok=True)
    summary = report.with_suffix(".json")
    command = [sys.executable, "-m", "locust", "-f", str(Path(__file__).parent / "locustfile.py"), "--headless"]
    command += ["--host", url, "--shape", shape.name.value, "--peak", str(shape.users)]
    command += ["--seconds", str(shape.seconds), "--think", str(think), "--stop-timeout", "30"]
    command += ["--html", f"{report}.html", "--csv", str(report), "--logfile", f"{report}.log"]
    command += ["--summary-file", str(summary), *(["--reset-stats", "--tags", "short", "Reader"] if only_short else [])]
    # Locust patches the process it runs in, and its exit status mixes what is told apart here.
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if not summary.is_file():
        raise NotRunning(f"Locust did not come to its end; {report}.log says why")
    return Summary.model_validate_json(summary.read_bytes())


def require_locust() -> None:
    """End with one line where Locust is not installed."""
    if importlib.util.find_spec("locust") is None:
        raise SystemExit("loadtest: Locust is not installed; `pip install locust`, or run `make loadtest`")


def report_at(kind: str = "") -> Path:
    """Where the report of this moment goes, without an ending."""
    return REPORTS / f"{kind}{time.strftime('%Y%m%d-%H%M%S')}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, show, judge."""
    asked = _parser().parse_args(arguments)
    require_locust()
    name = ShapeName(asked.shape)
    shape = Shape(name, asked.users, asked.seconds or DEFAULT_SECONDS[name])
    report = Path(asked.report) if asked.report else report_at()
    if asked.url:
        wait_until_ready(asked.url, 10)
    with nullcontext((asked.url.rstrip("/"), 0)) if asked.url else own_service() as (url, _):
        print(f"{url}: {shape.name}, up to {shape.users} users, {shape.seconds:.0f} s", flush=True)
        summary = run_load(url, shape, report, think=asked.think)
    print(summary.table())
    print(f"report: {report}.html .json .csv")
    verdict = summary.verdict(asked.max_failure_rate)
    if verdict:
        print(f"loadtest: {verdict}", file=sys.stderr)
    return 1 if verdict else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="loadtest", description="Load a service with users whose answers are checked."
    )
    parser.add_argument("--url", default="", help="A running service. Without it, one is started.")
    parser.add_argument("--shape", choices=[name.value for name in ShapeName], default=ShapeName.STEADY.value)
    parser.add_argument("--users", type=_positive_int, default=16, help="Users at the height of the load.")
    parser.add_argument("--seconds", type=_positive_float, help="Length of the run; the default depends on the shape.")
    parser.add_argument("--think", type=float, default=1.0, help="Factor of the think times; 0: none.")
    parser.add_argument("--max-failure-rate", type=float, default=MAX_FAILURE_RATE, help="The bound, of 1.")
    parser.add_argument("--report", help="Where the report goes, without an ending.")
    return parser


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _positive_float(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NotRunning as error:
        sys.exit(f"loadtest: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
