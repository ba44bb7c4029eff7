"""The Compose file: valid, complete, and consistent with the files that it mounts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from unittest.mock import patch

import pytest
import yaml

from ner_runtime.settings import load_settings
from scripts.compose_check import COMPOSE, load, problems, read_env
from tests.support.servers.service import REPOSITORY

ENV = read_env(COMPOSE / "env.example")
TEXT = (COMPOSE / "compose.yaml").read_text(encoding="utf-8")


def test_it_is_valid() -> None:
    assert list(problems(load(ENV))) == []


def compose_installed() -> bool:
    docker = shutil.which("docker")
    return bool(docker) and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not compose_installed(), reason="`docker compose` is not installed")
def test_docker_compose_takes_it() -> None:
    command = ["docker", "compose", "--env-file", "env.example", "config", "--quiet"]
    run = subprocess.run(command, cwd=COMPOSE, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("healthcheck:", "healthchek:", "healthchek"),
        ("condition: service_healthy", "condition: healthy", "healthy"),
        ("networks: [cache]", "networks: [cach]", "cach"),
        ("mem_limit: 320m", "mem_limit: much", "mem_limit"),
    ],
)
def test_what_the_specification_does_not_know_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(ENV, TEXT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("../prometheus:", "../promotheus:", "prometheus: ../promotheus does not exist"),
        ("RANER_RATE_LIMIT:", "RANER_RATELIMIT:", "raner: unknown setting RANER_RATELIMIT"),
        ("{condition: service_healthy}", "{condition: service_started}", "raner: does not wait until redis is healthy"),
    ],
)
def test_what_the_specification_leaves_open_is_checked(old: str, new: str, message: str) -> None:
    assert list(problems(load(ENV, TEXT.replace(old, new, 1)))) == [message]


def test_several_models_replace_the_embedded_one() -> None:
    several = {**ENV, "RANER_MODEL": "", "RANER_MODELS": "news=/models/news,resume=/models/resume"}
    variables = load(several)["services"]["raner"]["environment"]
    with patch.dict(os.environ, {name: variables[name] or "" for name in ("RANER_MODEL", "RANER_MODELS")}):
        assert load_settings().served_models == {"news": "/models/news", "resume": "/models/resume"}
    assert load(ENV)["services"]["raner"]["environment"]["RANER_MODEL"] == "embedded"


def test_a_password_is_required() -> None:
    with pytest.raises(ValueError, match="GRAFANA_PASSWORD is not set"):
        load({})


def test_prometheus_scrapes_the_service_of_the_compose_file() -> None:
    services = load(ENV)["services"]
    config = yaml.safe_load((REPOSITORY / "deploy/prometheus/prometheus.yml").read_text())
    [target] = config["scrape_configs"][0]["static_configs"][0]["targets"]
    host, port = target.split(":")
    assert host in services
    assert services[host]["ports"][0].endswith(f":{port}")
    assert set(services[host]["networks"]) & set(services["prometheus"]["networks"])


def test_grafana_finds_the_dashboard_and_its_data_source() -> None:
    grafana = load(ENV)["services"]["grafana"]
    mounts = dict(volume.split(":")[1::-1] for volume in grafana["volumes"])
    [provider] = yaml.safe_load((COMPOSE / "grafana/provisioning/dashboards/raner.yaml").read_text())["providers"]
    dashboards = COMPOSE / mounts[provider["options"]["path"]]
    [source] = yaml.safe_load((COMPOSE / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert [json.loads(path.read_text())["title"] for path in dashboards.glob("*.json")] == ["RaNER"]
    assert source["url"] == "http://prometheus:9090"
    assert source["type"] == "prometheus"
