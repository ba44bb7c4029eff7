"""A real Prometheus as a process of its own, with this repository's configuration, on a clock that runs faster."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.servers.service import REPOSITORY, free_port

FILES = REPOSITORY / "deploy" / "prometheus"
WINDOW = "8s"
# A window of five minutes becomes one of half a minute.
SECONDS_A_MINUTE = 6
_RANGE = re.compile(r"\[(\d+)m\]")


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    client: httpx.Client

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query; those that are not a number are left out."""
        response = self.client.get("/api/v1/query", params={"query": expression})
        response.raise_for_status()
        return [one for one in response.json()["data"]["result"] if one["value"][1] != "NaN"]

    def time(self) -> float:
        """The time of Prometheus, in seconds."""
        return float(self.client.get("/api/v1/query", params={"query": "time()"}).json()["data"]["result"][1])

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        alerts = self.client.get("/api/v1/alerts").json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def hastened(rules: str) -> str:
    """The alerts with windows of seconds in place of minutes."""
    groups = yaml.safe_load(_RANGE.sub(lambda found: f"[{SECONDS_A_MINUTE * int(found[1])}s]", rules))
    for rule in (rule for group in groups["groups"] for rule in group["rules"]):
        rule["for"] = "1s"
    return yaml.safe_dump(groups)


@contextmanager
def prometheus(directory: Path, target: str) -> Generator[Prometheus]:
    """Start Prometheus with the files of deploy/prometheus.

    Changed are only the target and the intervals: a scrape each second, alerts over seconds.
    """
    program = shutil.which("prometheus")
    assert program, "prometheus is missing; `make system` installs it"
    config = yaml.safe_load((FILES / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    (directory / "alerts.yml").write_text(hastened((FILES / "alerts.yml").read_text()))
    address = f"127.0.0.1:{free_port()}"
    command = [program, f"--config.file={directory / 'prometheus.yml'}", f"--storage.tsdb.path={directory / 'tsdb'}"]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stderr=log, stdout=log)
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=20, trust_env=False) as client:
            _wait(client, process, directory / "prometheus.log")
            yield Prometheus(client)
    finally:
        process.terminate()
        process.wait(20)


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/-/ready").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"prometheus did not start:\n{log.read_text()}")
