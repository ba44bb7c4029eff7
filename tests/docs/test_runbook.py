"""docs/runbook.md has a section for each alert, and each alert is provoked by a test."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.support.servers.service import REPOSITORY

RUNBOOK = (REPOSITORY / "docs/runbook.md").read_text(encoding="utf-8")
FAULTS = (REPOSITORY / "tests/faults/test_alerts.py").read_text(encoding="utf-8")
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((REPOSITORY / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES}


def section(alert: str) -> str:
    found = re.search(rf"^## {alert}\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert found, f"no section for {alert}"
    return found[1]


@pytest.mark.parametrize("alert", ALERTS)
def test_a_section_states_severity_and_steps(alert: str) -> None:
    assert section(alert).strip().startswith(f"**{ALERTS[alert]['labels']['severity'].capitalize()}.**")
    assert re.search(r"^(1\. |\| )", section(alert), re.MULTILINE), "no steps"


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_names_its_section(alert: str) -> None:
    assert ALERTS[alert]["annotations"]["runbook"] == f"docs/runbook.md#{alert.lower()}"


def test_every_section_is_about_an_alert() -> None:
    assert set(re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE)) == set(ALERTS)


def test_every_alert_is_provoked_on_the_real_service() -> None:
    provoked = {
        name for call in re.findall(r"fires\(stack, ([^)]*)\)", FAULTS) for name in re.findall(r'"(\w+)"', call)
    }
    assert provoked == set(ALERTS)
