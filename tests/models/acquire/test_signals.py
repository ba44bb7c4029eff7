from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Generator

import pytest

from tests.support.servers import REPOSITORY

# What a pool looks like whose lock is held for ever: a thread that never ends and that Python waits for.
STUCK = """
import signal, sys, threading
from ner_runtime.models.acquire.signals import exit_on_signal
signal.signal(signal.SIGINT, signal.SIG_IGN if "ignored" in sys.argv else signal.default_int_handler)
with exit_on_signal("stopped"):
    threading.Thread(target=threading.Event().wait).start()
    print("ready", flush=True)
    threading.Event().wait()
"""


@pytest.fixture
def stuck(request: pytest.FixtureRequest) -> Generator[subprocess.Popen[str]]:
    arguments: list[str] = getattr(request, "param", [])
    with subprocess.Popen(
        [sys.executable, "-c", STUCK, *arguments],
        cwd=REPOSITORY,
        text=True,
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
def test_threads_that_never_end_do_not_delay_the_exit(stuck: subprocess.Popen[str], sent: signal.Signals) -> None:
    stuck.send_signal(sent)
    _, err = stuck.communicate(timeout=20)
    assert (stuck.returncode, err) == (128 + sent, "raner: stopped\n")


@pytest.mark.parametrize("stuck", [["ignored"]], indirect=True)
def test_what_is_ignored_stays_ignored(stuck: subprocess.Popen[str]) -> None:
    stuck.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        stuck.wait(0.5)
