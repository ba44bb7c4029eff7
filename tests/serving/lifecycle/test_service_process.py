"""The service as a child process: failed starts, and the wait for a service that does not exist."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ner_runtime.serving.lifecycle.service_process import (
    ServiceNotReady,
    free_port,
    service_process,
    stop,
    wait_until_ready,
)


def test_directory_without_a_service_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(ServiceNotReady, match=r"there is no service\.py in .*; pass the URL"),
        service_process({}, directory=tmp_path),
    ):
        pass


def test_failed_start_names_the_reason() -> None:
    with (
        pytest.raises(ServiceNotReady, match="did not start: raner: RANER_THREADS is '-3'"),
        service_process({"RANER_THREADS": "-3"}),
    ):
        pass


def test_url_without_a_service_is_not_ready() -> None:
    with pytest.raises(ServiceNotReady, match=r"http://127\.0\.0\.1:\d+ is not ready"):
        wait_until_ready(f"http://127.0.0.1:{free_port()}", timeout_s=0)


def test_stop_ends_the_process() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    assert process.stdin
    with process.stdin:
        stop(process)
    assert process.poll() is not None
    stop(process)
