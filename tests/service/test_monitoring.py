"""Metrics and traces: dashboards and alerts query existing metrics, and traces hold no text."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Generator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ner_runtime.serving.telemetry import metrics
from tests.support.servers.service import REPOSITORY, serve

DEPLOY = REPOSITORY / "deploy"
METRIC = re.compile(r"raner_\w+")
LABELLED = re.compile(r"(raner_\w+)\{([^}]*)\}")
# Prometheus and multiprocess mode add these labels.
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


def known_samples() -> dict[str, set[str]]:
    """The labels of each sample, by its name."""
    samples: dict[str, set[str]] = {}
    for one in vars(metrics).values():
        if not hasattr(one, "_labelnames"):
            continue
        [family] = one.describe()
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}[family.type]
        samples |= {family.name + suffix: set(one._labelnames) for suffix in suffixes}
    return samples


@pytest.mark.parametrize("query", [*dashboard_queries(), *alert_queries()])
def test_a_query_uses_existing_metrics_and_labels(query: str) -> None:
    samples = known_samples()
    assert set(METRIC.findall(query)) <= set(samples)
    for name, matchers in LABELLED.findall(query):
        asked = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers))
        assert asked <= samples[name] | OUTER_LABELS


class Collector(ThreadingHTTPServer):
    """An OTLP/HTTP collector that keeps the requests it receives."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        self._changed = threading.Condition()
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def add(self, path: str, body: bytes) -> None:
        with self._changed:
            self.received.append((path, body))
            self._changed.notify_all()

    def wait_for(self, part: bytes) -> None:
        """Wait until a body that contains `part` is received."""
        with self._changed:
            assert self._changed.wait_for(lambda: any(part in body for _, body in self.received), 20)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert isinstance(self.server, Collector)
            self.server.add(self.path, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""


@pytest.fixture
def collector() -> Generator[Collector]:
    collector = Collector()
    yield collector
    collector.shutdown()
    collector.server_close()


def test_traces_reach_a_collector_and_hold_no_text(collector: Collector, tmp_path: Path) -> None:
    options = {
        "exporter_type": "otlp",
        "sample_rate": "1.0",
        "otlp.protocol": "http",
        "otlp.endpoint": f"http://127.0.0.1:{collector.server_port}/v1/traces",
    }
    variables = {
        "RANER_WORKERS": "1",
        "BENTOML_CONFIG_OPTIONS": " ".join(f"services.raner.tracing.{name}={value}" for name, value in options.items()),
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with serve(tmp_path / "log", **variables) as server, server.client() as client:
        assert client.post("/ner", json={"text": "绝密代号海燕"}).is_success
        collector.wait_for(b"POST /ner")
    assert {path for path, _ in collector.received} == {"/v1/traces"}
    assert "绝密代号海燕".encode() not in b"".join(body for _, body in collector.received)
    assert "otlp" not in (tmp_path / "log").read_text()


def test_prometheus_scrapes_the_right_path_and_loads_the_alerts() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert [(DEPLOY / "prometheus" / file).exists() for file in config["rule_files"]] == [True]
    assert config["scrape_configs"][0]["metrics_path"] == "/metrics"


def test_metrics_stay_small_for_any_number_of_paths(client: httpx.Client) -> None:
    for file in (REPOSITORY / "static").rglob("*"):
        if file.is_file():
            client.get(f"/static/{file.relative_to(REPOSITORY / 'static').as_posix()}")
    for number in range(10_000 if "RANER_FUZZ_EXAMPLES" in os.environ else 1_000):
        client.request(("GET", "POST", "PUT", f"X{number}")[number % 4], f"/{number}/nowhere?{number}")
    client.post("/ner", json={"text": "马云"})
    scraped = client.get("/metrics").text
    assert len(scraped) < 100_000
    assert "nowhere" not in scraped
    families = {family.name for family in text_string_to_metric_families(scraped)}
    assert {"raner_requests", "raner_in_flight", "raner_model_info", "raner_worker_resident_bytes"} <= families
