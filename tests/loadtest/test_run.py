"""Runs of the load test against the real service, and their verdicts."""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from loadtest.run import LocustFailed, report_file, report_option, run_load
from loadtest.shapes import Shape, ShapeName
from loadtest.summary import Row, Summary
from tests.support.servers.service import PATIENCE_S, REPOSITORY, environment


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    # In a child process, because Locust patches the process that imports it.
    command = [sys.executable, "-m", "loadtest.run", *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment(**settings), capture_output=True, text=True, timeout=PATIENCE_S
    )


def test_run_against_the_real_service(service_url: str, tmp_path: Path) -> None:
    report = tmp_path / "reports" / "ten"
    done = run("--url", service_url, "--seconds", "5", "--users", "10", "--think", "0.3", "--report", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    summary = Summary.model_validate_json(report.with_suffix(".json").read_bytes())
    assert not summary.wrong
    names = {row.name for row in summary.rows}
    assert {"/ner", "/ner/batch", "bad request", "/ner queue", "/ner inference"} <= names
    ner, inference = summary.row("/ner"), summary.row("/ner inference")
    assert ner
    assert inference
    assert inference.requests == ner.requests
    assert 0 <= inference.p50_ms <= ner.p50_ms
    # Parts of requests do not count as requests.
    assert summary.total.requests == sum(row.requests for row in summary.rows if row.method != "PART")
    assert "P99 ms" in done.stdout
    assert "<html" in Path(f"{report}.html").read_text().lower()
    with Path(f"{report}_stats.csv").open() as file:
        assert "/ner queue" in [line["Name"] for line in csv.DictReader(file)]


@pytest.fixture
def wrong_service() -> Generator[str]:
    """The URL of a server that is ready and returns no entities for every text."""
    limits = b'{"max_chars": 1000, "max_texts": 9, "max_body_bytes": 1}'
    # The fields of both /model and /models.
    model = b'{"limits": ' + limits + b', "models": [{"id": "default", "default_types": ["PER", "LOC", "ORG"]}]}'
    timings = b'{"total": 1, "queue": 0, "inference": 1}'
    meta = b'{"model": "m", "version": "1", "precision": "fp32", "windows": 1, "cached": false, '
    meta += b'"offset_unit": "code_point", "timings_ms": ' + timings + b"}"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self, body: bytes) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.respond(model)

        def do_POST(self) -> None:
            self.respond(b'{"success": true, "data": [], "meta": ' + meta + b"}")

        do_PUT = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:  # type: ignore[override]
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_wrong_responses_fail_the_run(wrong_service: str, tmp_path: Path) -> None:
    done = run(
        "--url", wrong_service, "--seconds", "4", "--users", "10", "--think", "0.1", "--report", str(tmp_path / "wrong")
    )
    assert done.returncode == 1
    assert "wrong responses" in done.stderr
    failed = Summary.model_validate_json((tmp_path / "wrong.json").read_bytes()).failed
    assert any("easy to find are missing" in failure for failure in failed)
    assert any("status 200, not" in failure for failure in failed)


def test_an_open_loop_ends_if_the_service_does_not_list_its_models(tmp_path: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:  # type: ignore[override]
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        done = run("--url", url, "--shape", "poisson", "--seconds", "1", "--report", str(tmp_path / "none"))
        server.shutdown()
    assert done.returncode == 1
    assert "100.00% of the requests failed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "settings", "status", "message"),
    [
        (["--shape", "sawtooth"], {}, 2, "invalid choice: 'sawtooth'"),
        (["--users", "0"], {}, 2, "--users"),
        (["--seconds", "nan"], {}, 2, "--seconds"),
        (["--think", "-1"], {}, 2, "argument --think: should be a number of at least 0"),
        (["--max-failure-rate", "nan"], {}, 2, "argument --max-failure-rate: should be a number from 0 to 1"),
        (["--report", f"{__file__}/new"], {}, 2, f"the report {__file__}/new cannot be written: "),
        ([], {"RANER_THREADS": "-3"}, 1, "the service did not start: raner: RANER_THREADS is '-3'"),
    ],
)
def test_wrong_usage_and_failed_start(
    arguments: list[str], settings: dict[str, str], status: int, message: str
) -> None:
    done = run(*arguments, **settings)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["reports/v1.2", "reports/v1.2.html"])
def test_a_report_is_named_with_or_without_its_suffix(text: str) -> None:
    report = report_option(text)
    assert report == Path("reports/v1.2")
    assert report_file(report, ".json") == Path("reports/v1.2.json")


@pytest.mark.parametrize("text", ["", ".html", "reports/", "."])
def test_a_report_is_named_like_a_file(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        report_option(text)


ROW = Row(name="all", method="", requests=100, failures=0, per_s=9, p50_ms=1, p90_ms=2, p99_ms=3, max_ms=4)


def summary(requests: int = 100, failures: int = 0, **wrong: int) -> Summary:
    total = ROW.model_copy(update={"requests": requests, "failures": failures})
    return Summary(url="x", shape="steady", users=1, seconds=9, rows=[], total=total, wrong=wrong, failed={})


def test_the_summary_of_an_earlier_run_is_not_taken_for_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.json").write_text(summary().model_dump_json())
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(LocustFailed):
        run_load("http://127.0.0.1", Shape(ShapeName.STEADY, 1, 1, 1), tmp_path / "report")


def test_verdict() -> None:
    assert summary().verdict(0.01) is None
    assert summary(failures=1).verdict(0.01) is None
    assert summary(failures=2).verdict(0.01) == "2.00% of the requests failed; the bound is 1.00%"
    assert summary().verdict(0.01, goal_ms=3) is None
    assert summary().verdict(0.01, goal_ms=2) == "P99 is 3 ms; the goal is 2 ms"
    assert summary(requests=0).verdict(1) == "no request was sent"
    assert summary(offsets=2, shape=1).verdict(1) == "3 wrong responses, most frequent: offsets; shape"
