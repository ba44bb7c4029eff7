"""Every query of the dashboard and of the alerts asks for metrics and labels that the service has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from servers import REPOSITORY

from ner_runtime.serving import metrics

DEPLOY = REPOSITORY / "deploy"
METRIC = re.compile(r"raner_\w+")
LABELLED = re.compile(r"(raner_\w+)\{([^}]*)\}")
# These come from Prometheus, or from multiprocess mode, rather than from the metric.
OUTER_LABELS = {"instance", "job", "le", "pid"}


def dashboard_queries() -> Iterator[str]:
    board = json.loads((DEPLOY / "grafana" / "raner.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (variable["definition"] for variable in board["templating"]["list"] if "definition" in variable)


def alert_queries() -> Iterator[str]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert {"alert", "expr", "labels", "annotations"} <= set(rule)
        yield rule["expr"]


def known() -> dict[str, set[str]]:
    """The names of all samples, with the labels of their metric."""
    samples: dict[str, set[str]] = {}
    for one in vars(metrics).values():
        if not hasattr(one, "_labelnames"):
            continue
        [family] = one.describe()
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}[family.type]
        samples |= {family.name + suffix: set(one._labelnames) for suffix in suffixes}
    return samples


@pytest.mark.parametrize("query", [*dashboard_queries(), *alert_queries()])
def test_a_query_names_what_there_is(query: str) -> None:
    samples = known()
    assert set(METRIC.findall(query)) <= set(samples)
    for name, matchers in LABELLED.findall(query):
        asked = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers))
        assert asked <= samples[name] | OUTER_LABELS


def test_the_scrape_reads_the_alerts_and_the_right_path() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert [(DEPLOY / "prometheus" / file).exists() for file in config["rule_files"]] == [True]
    assert config["scrape_configs"][0]["metrics_path"] == "/metrics"


def test_metrics_stay_small_whatever_paths_are_asked_for(client: httpx.Client) -> None:
    for file in (REPOSITORY / "static").rglob("*"):
        if file.is_file():
            client.get(f"/static/{file.relative_to(REPOSITORY / 'static').as_posix()}")
    for number in range(2000):
        client.request(("GET", "POST", "PUT", f"X{number}")[number % 4], f"/{number}/nowhere?{number}")
    client.post("/ner", json={"text": "马云"})
    scraped = client.get("/metrics").text
    assert len(scraped) < 100_000
    assert "nowhere" not in scraped
    families = {family.name for family in text_string_to_metric_families(scraped)}
    assert {"raner_requests", "raner_in_flight", "raner_model_info", "raner_worker_resident_bytes"} <= families
