"""Redis is paused, killed and restarted under load: `make faults`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.http.load import load
from tests.support.servers.redis import RedisServer
from tests.support.servers.service import Server, serve
from tests.support.servers.workers import ready_workers, wait_for
from tests.support.texts.examples import NEWS

pytestmark = pytest.mark.faults

REQUESTS = 500
"""Requests in each state of Redis."""


def metric(server: Server, line: str) -> float:
    with server.client() as client:
        found = [one for one in client.get("/metrics").text.splitlines() if one.startswith(line)]
    return float(found[0].split()[-1]) if found else 0.0


def test_no_request_fails_while_redis_is_paused_killed_and_restarted(tmp_path: Path) -> None:
    redis = RedisServer(tmp_path)
    redis.start()
    settings = {"RANER_WORKERS": "2", "RANER_THREADS": "1", "RANER_CACHE_URL": redis.url}
    with serve(tmp_path / "log", **settings) as server:
        wait_for(lambda: len(ready_workers(server)) == 2, 60)
        wait_for(lambda: metric(server, "raner_cache_up") == 2, 20)
        with load(server.url, [f"{NEWS[number % len(NEWS)]}{number}" for number in range(40)], clients=8) as taken:
            for step in (redis.pause, redis.resume, redis.kill):
                taken.wait_for_more(REQUESTS)
                step()
            wait_for(lambda: metric(server, "raner_cache_up") == 0, 20)
            taken.wait_for_more(REQUESTS)
            redis.start()
            back = wait_for(lambda: metric(server, "raner_cache_up") == 2, 20)
            taken.wait_for_more(REQUESTS)
        hits = metric(server, 'raner_cache_lookups_total{result="hit"}')
        slow = metric(server, 'raner_cache_errors_total{reason="slow"}')
    redis.kill()
    slowest = max(outcome.seconds for outcome in taken.outcomes)
    logged = [line for line in (tmp_path / "log").read_text().splitlines() if '"cache is ' in line]
    print(f"\n{taken.counts()}, slowest {slowest * 1000:.0f} ms, {hits:g} hits, {slow:g} lookups that timed out")
    print(f"Redis is used again {back:.1f} s after it is back")
    assert not taken.failed()
    assert hits > 0
    # Each worker logs each change once: up, down, up, down, up.
    assert len(logged) <= 2 * 5
