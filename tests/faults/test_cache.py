"""Redis killed, paused and back, under load: `make faults`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.examples import NEWS
from tests.support.load import load
from tests.support.processes import ready_workers, wait_for
from tests.support.redis_server import RedisServer
from tests.support.servers import Server, serve

pytestmark = pytest.mark.faults


def metric(server: Server, line: str) -> float:
    with server.client() as client:
        found = [one for one in client.get("/metrics").text.splitlines() if one.startswith(line)]
    return float(found[0].split()[-1]) if found else 0.0


def test_no_request_fails_whatever_becomes_of_redis(tmp_path: Path) -> None:
    redis = RedisServer(tmp_path)
    redis.start()
    settings = {"RANER_WORKERS": "2", "RANER_THREADS": "1", "RANER_CACHE_URL": redis.url}
    with serve(tmp_path / "log", **settings) as server:
        wait_for(lambda: len(ready_workers(server)) == 2, 60)
        wait_for(lambda: metric(server, "raner_cache_up") == 2, 20)
        with load(server.url, [f"{NEWS[number % len(NEWS)]}{number}" for number in range(40)], clients=8) as taken:
            for step in (redis.pause, redis.resume, redis.kill):
                time.sleep(5)
                step()
            wait_for(lambda: metric(server, "raner_cache_up") == 0, 20)
            time.sleep(5)
            redis.start()
            back = wait_for(lambda: metric(server, "raner_cache_up") == 2, 20)
            time.sleep(5)
        hits = metric(server, 'raner_cache_lookups_total{result="hit"}')
        slow = metric(server, 'raner_cache_errors_total{reason="slow"}')
    redis.kill()
    slowest = max(outcome.seconds for outcome in taken.outcomes)
    told = [line for line in (tmp_path / "log").read_text().splitlines() if '"cache is ' in line]
    print(f"\n{taken.counts()}, slowest {slowest * 1000:.0f} ms, {hits:g} hits, {slow:g} look-ups given up")
    print(f"Redis is used again {back:.1f} s after it is back")
    assert not taken.failed()
    assert hits > 0
    # Each worker says so once for each change: up, down, up, down, up.
    assert len(told) <= 2 * 5
