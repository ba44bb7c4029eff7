"""Load-test a service and write a report: `make loadtest`.

The service is either already running or started for the run.

Exit status: 0 if the failure rate is within the bound and no response was wrong, 1 if the run failed, 2 for wrong
usage.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from math import inf, nan
from pathlib import Path

from loadtest.shapes import DEFAULT_SECONDS, Shape, ShapeName
from loadtest.summary import Summary
from ner_runtime.serving.lifecycle.service_process import (
    ROOT,
    ServiceNotReady,
    ServiceProcess,
    exit_on_sigterm,
    service_process,
    wait_until_ready,
)

REPORTS = Path(__file__).parent / "reports"
MAX_FAILURE_RATE = 0.01
"""Default of `--max-failure-rate`: a run fails if a larger share of its requests fails or any response is wrong."""


class LocustFailed(Exception):
    """Locust did not complete the run."""


def run_load(url: str, shape: Shape, report: Path, *, think: float = 1.0, check_every: int = 1) -> Summary:
    """Run Locust against a service, write the report, and return the summary.

    Args:
        report: path of the report without a suffix; the files are .html, .json (the summary), .log and Locust's .csv
        think: factor for the think times; 0: no think times
        check_every: in open-loop shapes, check one response in so many

    Raises:
        LocustFailed: Locust did not complete the run.
    """
    report.parent.mkdir(parents=True, exist_ok=True)
    summary = report_file(report, ".json")
    # An earlier run may have written it.
    summary.unlink(missing_ok=True)
    command = [sys.executable, "-m", "locust", "-f", str(Path(__file__).parent / "locustfile.py"), "--headless"]
    command += ["--host", url, "--shape", shape.name.value, "--peak", str(shape.users)]
    command += ["--seconds", str(shape.seconds), "--think", str(think), "--stop-timeout", "30"]
    command += ["--rate", str(shape.rate or 1), "--check-every", str(check_every)]
    command += ["--html", f"{report}.html", "--csv", str(report), "--logfile", f"{report}.log"]
    command += ["--summary-file", str(summary)]
    # A separate process, because Locust patches the process it runs in. Its exit status is ignored, because it does
    # not distinguish wrong responses from failures.
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if not summary.is_file():
        raise LocustFailed(f"Locust did not complete the run; see {report}.log")
    return Summary.model_validate_json(summary.read_bytes())


@contextmanager
def load_service(**settings: str) -> Generator[ServiceProcess]:
    """Start the service for a load test, and stop it afterwards.

    The load test repeats its texts, which real users seldom do. Unless `RANER_CACHE_URL` is set, the service runs
    without a cache, so that the load test measures the model.

    Raises:
        ServiceNotReady: the service does not start.
    """
    exit_on_sigterm()
    with service_process({"RANER_CACHE_URL": os.environ.get("RANER_CACHE_URL", "off"), **settings}) as service:
        yield service


@contextmanager
def _target(url: str) -> Generator[str]:
    """Yield the URL of a service that is ready: the one at `url`, or a new one if `url` is empty."""
    if url:
        wait_until_ready(url, 10)
        yield url.rstrip("/")
    else:
        with load_service() as service:
            yield service.url


def require_locust() -> None:
    """Exit with a message if Locust is not installed."""
    if importlib.util.find_spec("locust") is None:
        raise SystemExit("loadtest: Locust is not installed; run `pip install locust` or `make loadtest`")


def report_path(prefix: str = "") -> Path:
    """Return the path of a new report, without a suffix."""
    return REPORTS / f"{prefix}{time.strftime('%Y%m%d-%H%M%S')}"


def report_option(text: str) -> Path:
    """Return the path of a report without a suffix, from an argument of the command line with or without `.html`.

    Raises:
        argparse.ArgumentTypeError: the argument is not the path of a file.
    """
    path = Path(text.removesuffix(".html"))
    if not path.name or text.endswith("/"):
        raise argparse.ArgumentTypeError("should be the path of a file")
    return path


def report_file(report: Path, suffix: str) -> Path:
    """Return the path of a file of a report. A dot in the name of the report does not begin a suffix."""
    return Path(f"{report}{suffix}")


def check_report(report: Path) -> None:
    """Check that a report can be written, so that an unwritable path does not cost the measurements.

    Raises:
        OSError: it cannot be written.
    """
    report.parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".html", ".json"):
        file = report_file(report, suffix)
        is_new = not file.exists()
        file.open("ab").close()
        if is_new:
            file.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load test, print the figures, and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    require_locust()
    name = ShapeName(options.shape)
    shape = Shape(name, options.users, options.seconds or DEFAULT_SECONDS[name], options.rate)
    report = options.report or report_path()
    try:
        check_report(report)
    except OSError as error:
        parser.error(f"the report {report} cannot be written: {error.strerror}")
    with _target(options.url) as url:
        peak = f"{shape.rate:g} arrivals per second" if name.open_loop else f"{shape.users} users"
        print(f"{url}: {shape.name}, up to {peak}, {shape.seconds:.0f} s", flush=True)
        summary = run_load(url, shape, report, think=options.think, check_every=options.check_every)
    print(summary.table())
    print(f"report: {report}.html .json .csv")
    verdict = summary.verdict(options.max_failure_rate, options.goal_ms)
    if verdict:
        print(f"loadtest: {verdict}", file=sys.stderr)
    return 1 if verdict else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="loadtest", description="Load a service with simulated users and check its responses."
    )
    parser.add_argument("--url", default="", help="URL of a running service; without it, the load test starts one.")
    parser.add_argument("--shape", choices=[name.value for name in ShapeName], default=ShapeName.STEADY.value)
    parser.add_argument("--users", type=_positive_int, default=16, help="Highest number of users.")
    parser.add_argument(
        "--rate", type=_positive_float, default=50, help="Highest arrivals per second of the open-loop shapes."
    )
    parser.add_argument(
        "--check-every", type=_positive_int, default=1, help="Open-loop shapes: check one response in so many."
    )
    parser.add_argument(
        "--seconds", type=_positive_float, help="Duration of the run; the default depends on the shape."
    )
    parser.add_argument("--think", type=_factor, default=1.0, help="Factor for the think times; 0: no think times.")
    parser.add_argument(
        "--max-failure-rate",
        type=_share,
        default=MAX_FAILURE_RATE,
        help="Highest allowed share of failed requests, from 0 to 1.",
    )
    parser.add_argument("--goal-ms", type=_positive_float, help="Fail if P99 is higher, in milliseconds.")
    parser.add_argument("--report", type=report_option, help="Path of the report, without a suffix.")
    return parser


def _positive_int(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError("should be a whole number of at least 1")
    return value


def _number(text: str, expected: str, is_allowed: Callable[[float], bool]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not is_allowed(value):
        raise argparse.ArgumentTypeError(f"should be a number {expected}")
    return value


_factor = partial(_number, expected="of at least 0", is_allowed=lambda value: 0 <= value < inf)
_share = partial(_number, expected="from 0 to 1", is_allowed=lambda value: 0 <= value <= 1)
_positive_float = partial(_number, expected="greater than 0", is_allowed=lambda value: 0 < value < inf)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LocustFailed, ServiceNotReady) as error:
        sys.exit(f"loadtest: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
