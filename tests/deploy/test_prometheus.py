"""The dashboard's queries against a real Prometheus that scrapes the real service, and the alerts' rules."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.http.load import load
from tests.support.models.twins import RIGHT, switch
from tests.support.servers.prometheus import FILES, WINDOW
from tests.support.servers.service import REPOSITORY
from tests.support.servers.stack import TEXTS, running_stack
from tests.support.servers.workers import wait_for

UNIT_TESTS = Path(__file__).parent / "alerts_test.yml"


def panels() -> dict[str, list[str]]:
    """The queries of each panel, for all instances and a window that suits the test's scrapes."""
    board = json.loads((REPOSITORY / "deploy/grafana/raner.json").read_text(encoding="utf-8"))
    return {
        panel["title"]: [
            target["expr"].replace("$__rate_interval", WINDOW).replace("$instance", ".*") for target in panel["targets"]
        ]
        for panel in board["panels"]
    }


def test_every_query_of_every_panel_has_data_under_load(tmp_path: Path) -> None:
    missing = {(title, query) for title, queries in panels().items() for query in queries}
    with running_stack(tmp_path) as stack, load(stack.service.url, TEXTS, clients=12):

        def all_have_data() -> bool:
            missing.difference_update({one for one in missing if stack.prometheus.query(one[1])})
            return not missing

        # What does not happen by itself: a model update, and a Redis that does not answer.
        switch(stack.model, stack.directory / RIGHT)
        stack.redis.pause()
        wait_for(lambda: bool(stack.prometheus.query("raner_cache_errors_total > 0")), 60)
        stack.redis.resume()
        try:
            wait_for(all_have_data, 120)
        except AssertionError:
            pytest.fail(f"no data: {sorted(missing)}")


def alerts() -> set[str]:
    groups = yaml.safe_load((FILES / "alerts.yml").read_text())["groups"]
    return {rule["alert"] for group in groups for rule in group["rules"]}


def test_the_rules_fire_after_the_time_that_they_state() -> None:
    run = subprocess.run(["promtool", "test", "rules", str(UNIT_TESTS)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    tests = yaml.safe_load(UNIT_TESTS.read_text())["tests"]
    assert {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]} == alerts()
