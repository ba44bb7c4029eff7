"""Workers that live and do nothing are replaced: `make faults`."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from load import load
from processes import ready_workers, wait_for
from servers import serve
from test_recognizer import NEWS

pytestmark = pytest.mark.faults


def test_a_stopped_worker_is_replaced(tmp_path: Path) -> None:
    settings = {"RANER_WORKERS": "2", "RANER_THREADS": "1", "RANER_HANG_TIMEOUT_S": "3", "RANER_CACHE_URL": "off"}
    with serve(tmp_path / "log", **settings) as server:
        wait_for(lambda: len(ready_workers(server)) == 2, 60)
        with load(server.url, NEWS, clients=8) as taken:
            time.sleep(2)
            victim = ready_workers(server)[0]
            victim.send_signal(signal.SIGSTOP)
            gone = wait_for(lambda: victim.pid not in [worker.pid for worker in ready_workers(server)], 10)
            back = wait_for(lambda: len(ready_workers(server)) == 2, 10)
            time.sleep(2)
        print(f"\n{taken.counts()}, gone after {gone:.1f} s, back {back:.1f} s later")
        assert len(taken.failed()) <= 8
        assert max(outcome.seconds for outcome in taken.outcomes) < 10
