"""Exiting on a signal while threads are at work."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Generator

import pytest

from tests.support.servers.service import REPOSITORY


@pytest.fixture
def waiting(request: pytest.FixtureRequest) -> Generator[subprocess.Popen[str]]:
    """A process that waits inside `exit_on_signal`."""
    arguments: list[str] = getattr(request, "param", [])
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.programs.exits_on_signal", *arguments],
        cwd=REPOSITORY,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_process_exits_although_a_thread_never_ends(waiting: subprocess.Popen[str], sent: signal.Signals) -> None:
    waiting.send_signal(sent)
    _, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, err) == (128 + sent, "raner: stopped\n")


@pytest.mark.parametrize("waiting", [["elsewhere"]], indirect=True)
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_process_exits_although_its_main_thread_is_not_woken(
    waiting: subprocess.Popen[str], sent: signal.Signals
) -> None:
    waiting.send_signal(sent)
    _, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, err) == (128 + sent, "raner: stopped\n")


@pytest.mark.parametrize("waiting", [["ignored"]], indirect=True)
def test_ignored_signal_stays_ignored(waiting: subprocess.Popen[str]) -> None:
    waiting.send_signal(signal.SIGINT)
    assert waiting.stdin
    assert waiting.stdout
    waiting.stdin.write("still running\n")
    waiting.stdin.flush()
    assert waiting.stdout.readline() == "still running\n"
