"""An open-loop generator shows the queue of a slow service: it sends on time, and measures from the due time."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Event, Lock, Thread

import pytest

from loadtest.summary import Summary
from loadtest.tuner.load import GeneratorFailed, Generators, Load, LoadResult, generators
from tests.support.servers.service import PATIENCE_S, REPOSITORY, environment

MODELS = b'{"models": [{"id": "default", "default_types": ["PER", "LOC", "ORG"]}]}'
ERROR = b'{"success": false, "error": {"code": "overloaded", "message": "x"}}'


Answer = Callable[[int], tuple[int, bytes]]
"""The status and the body of the response to the n-th `POST` since `reset`."""


class FakeService:
    """A service whose responses the test chooses; `url` is its URL."""

    def __init__(self) -> None:
        self.url = ""
        self._lock = Lock()
        self.reset(lambda number: (200, b"{}"))

    def reset(self, answer: Answer) -> None:
        """Answer further requests with `answer`, and count them from 0."""
        self._answer, self._numbers = answer, count()

    def answer(self) -> tuple[int, bytes]:
        with self._lock:
            number = next(self._numbers)
        return self._answer(number)


@pytest.fixture(scope="module")
def fake() -> Generator[FakeService]:
    service = FakeService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.respond(200, MODELS)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.respond(*service.answer())

        def log_message(self, *_: object) -> None:  # type: ignore[override]
            pass

        def handle(self) -> None:
            # The generator closes the connections of requests that it gives up.
            with suppress(OSError):
                super().handle()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        service.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield service
        server.shutdown()


@pytest.fixture(scope="module")
def load(fake: FakeService) -> Generator[Generators]:
    """Two generator processes, which all tests share: Locust takes a second to start."""
    with generators(fake.url, 2, None) as processes:
        yield processes


def sent(load: Generators, **fields: float) -> LoadResult:
    """Run a load, and return the sum of what the processes measured."""
    results = load.run(Load.model_validate({"check_every": 1_000_000_000, "goal_ms": 60_000, **fields}))
    added, *others = results
    for other in others:
        added.sent += other.sent
        added.due_s += other.due_s
        added.latencies_ms += other.latencies_ms
        added.unfinished_ms += other.unfinished_ms
        added.stopped = added.stopped or other.stopped
        added.errors = Counter(added.errors) + Counter(other.errors)
        added.wrong = Counter(added.wrong) + Counter(other.wrong)
    return added


def test_a_pause_of_the_service_shows_in_the_latency_of_all_requests_that_were_due_in_it(
    fake: FakeService, load: Generators
) -> None:
    pause = Event()

    def answer(number: int) -> tuple[int, bytes]:
        # The service pauses until the 30th request arrives: all requests before it were due in the pause.
        if number == 30:
            pause.set()
        pause.wait(30)
        return 200, b"{}"

    fake.reset(answer)
    result = sent(load, rate=40, seconds=2)
    assert result.sent == len(result.latencies_ms) > 35
    # A closed loop would have sent one request in the pause, and reported one slow response.
    assert sum(latency > 100 for latency in result.latencies_ms) >= 15
    assert max(result.latencies_ms) > 400


def test_errors_and_requests_without_a_response_are_counted(fake: FakeService, load: Generators) -> None:
    never = Event()

    def answer(number: int) -> tuple[int, bytes]:
        if number % 3 == 0:
            never.wait(60)
        return (429, ERROR) if number % 3 == 1 else (200, b"{}")

    fake.reset(answer)
    result = sent(load, rate=60, seconds=1, drain_s=0.5)
    never.set()
    assert result.errors.keys() == {"status 429"}
    assert min(result.unfinished_ms) > 400
    assert result.sent == len(result.latencies_ms) + len(result.unfinished_ms) + result.errors["status 429"]


def test_a_load_that_cannot_meet_the_goal_ends_early(fake: FakeService, load: Generators) -> None:
    fake.reset(lambda number: (429, ERROR))
    result = sent(load, rate=50, seconds=60, max_late=5)
    assert result.stopped is not None
    assert result.stopped < 30


def test_wrong_responses_are_noticed(fake: FakeService, load: Generators) -> None:
    fake.reset(lambda number: (200, b"{}"))
    result = sent(load, rate=50, seconds=0.5, check_every=1)
    assert sum(result.wrong.values()) == result.sent > 0


def test_processes_share_a_load(fake: FakeService, load: Generators) -> None:
    fake.reset(lambda number: (200, b"{}"))
    results = load.run(Load(rate=100, seconds=1, check_every=1_000_000_000))
    assert all(20 < result.sent < 80 for result in results)
    assert results[0].due_s != results[1].due_s


def test_a_generator_that_cannot_reach_the_service() -> None:
    with generators("http://127.0.0.1:9", 1, None) as unreachable, pytest.raises(GeneratorFailed):
        unreachable.run(Load(rate=10, seconds=1))


def test_poisson_load_against_the_real_service(service_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtest.run", "--url", service_url, "--shape", "poisson", "--rate", "25"]
    done = subprocess.run(
        [*command, "--seconds", "2", "--report", str(tmp_path / "poisson")],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = Summary.model_validate_json((tmp_path / "poisson.json").read_bytes())
    ner = summary.row("/ner")
    assert ner is not None
    assert 20 < ner.requests < 100
    assert not summary.wrong
    assert summary.row("/ner inference") is not None
