"""The Kubernetes manifests: every kustomization is valid, and what is wrong with one is found."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ner_runtime import Lexicon
from scripts import kubernetes_check
from scripts.kubernetes_check import KUBERNETES, Resource, build, kustomizations, problems
from tests.support.servers.service import REPOSITORY

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl builds the kustomizations")


@cache
def built(name: str) -> list[Resource]:
    return build(KUBERNETES / name)


def one(resources: list[Resource], kind: str, name: str = "raner") -> Any:
    [found] = [item for item in resources if item["kind"] == kind and item["metadata"]["name"] == name]
    return found


def container(resources: list[Resource]) -> Any:
    return one(resources, "Deployment")["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("directory", kustomizations(), ids=lambda path: path.name)
def test_a_kustomization_is_valid(directory: Path) -> None:
    assert problems(build(directory)) == []


Change = Callable[[list[Resource]], object]

CHANGES: dict[str, tuple[Change, str]] = {
    "a misspelt field": (
        lambda r: container(r).update(readinesProbe=container(r)["readinessProbe"]),
        "'readinesProbe' was unexpected",
    ),
    "a missing readiness probe": (lambda r: container(r).pop("readinessProbe"), "no readinessProbe"),
    "a missing startup probe": (lambda r: container(r).pop("startupProbe"), "no startupProbe"),
    "a probe at a port that is not open": (
        lambda r: container(r)["livenessProbe"]["httpGet"].update(port=8080),
        "livenessProbe asks port 8080",
    ),
    "a service at a port that is not open": (
        lambda r: one(r, "Service")["spec"]["ports"][0].update(targetPort=3001),
        "Service/raner: no selected pod opens port 3001",
    ),
    "a number where a string belongs": (
        lambda r: container(r)["env"].append({"name": "A", "value": 1}),
        "1 is not of type 'string'",
    ),
    "a volume of a ConfigMap that does not exist": (
        lambda r: r.remove(one(r, "ConfigMap", "raner-lexicons")),
        "volume lexicons: there is no ConfigMap/raner-lexicons",
    ),
    "a service that selects no pod": (
        lambda r: one(r, "Service")["spec"].update(selector={"app": "raner"}),
        "the selector matches no pod",
    ),
    "a writable root file system": (
        lambda r: container(r)["securityContext"].pop("readOnlyRootFilesystem"),
        "the root file system is not read-only",
    ),
    "an autoscaler for another deployment": (
        lambda r: one(r, "ScaledObject")["spec"]["scaleTargetRef"].update(name="ranner"),
        "there is no Deployment/ranner",
    ),
    "a trigger without a type": (lambda r: one(r, "ScaledObject")["spec"]["triggers"][0].pop("type"), "'type'"),
    "a misspelt field of a custom resource": (
        lambda r: one(r, "PodMonitor")["spec"]["podMetricsEndpoints"][0].update(intervall="5s"),
        "'intervall' was unexpected",
    ),
    "a scrape of a port that is not open": (
        lambda r: one(r, "PodMonitor")["spec"]["podMetricsEndpoints"][0].update(port="metrics"),
        "no selected pod opens port metrics",
    ),
    "a route to a port that the service does not have": (
        lambda r: one(r, "HTTPRoute")["spec"]["rules"][0]["backendRefs"][0].update(port=80),
        "there is no Service/raner with port 80",
    ),
    "a policy for a port that is not open": (
        lambda r: one(r, "NetworkPolicy")["spec"]["ingress"][0]["ports"][0].update(port=3001),
        "NetworkPolicy/raner: no selected pod opens port 3001",
    ),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_what_is_wrong_is_found(change: Change, message: str) -> None:
    resources = deepcopy(built("overlays/complete"))
    change(resources)
    assert message in "\n".join(problems(resources))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("readinessProbe:", "readinesProbe:", "'readinesProbe' was unexpected"),
        ("livenessProbe:", "x-removed:", "no livenessProbe"),
        ("containerPort: 3000", "containerPort: 3001", "the service listens on port 3000"),
    ],
    ids=["a misspelt field", "a missing probe", "a wrong port"],
)
def test_the_command_names_the_problem_and_fails(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    problem: str,
) -> None:
    shutil.copytree(KUBERNETES / "base", tmp_path / "base")
    deployment = tmp_path / "base/deployment.yaml"
    deployment.write_text(deployment.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    for name in ("REPOSITORY", "KUBERNETES"):
        monkeypatch.setattr(kubernetes_check, name, tmp_path)
    monkeypatch.setattr(sys, "argv", ["kubernetes_check"])
    with pytest.raises(SystemExit) as ended:
        kubernetes_check.main()
    assert ended.value.code == 1
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"RANER_THREDS": "1"}, "unknown settings: RANER_THREDS"), ({"RANER_PORT": "http"}, "RANER_PORT is 'http'")],
)
def test_a_wrong_setting_is_found(settings: dict[str, str], message: str) -> None:
    resources = deepcopy(built("base"))
    [config] = [item for item in resources if item["kind"] == "ConfigMap"]
    config["data"].update(settings)
    assert message in "\n".join(problems(resources))


def test_the_lexicon_of_the_example_is_valid() -> None:
    lexicon = Lexicon.from_file(KUBERNETES / "components/lexicons/brands.tsv")
    assert (len(lexicon), lexicon.report.clean) == (2, True)


def test_the_prometheus_rule_holds_the_alerts() -> None:
    alerts = yaml.safe_load((REPOSITORY / "deploy" / "prometheus" / "alerts.yml").read_text())
    assert one(built("overlays/keda"), "PrometheusRule")["spec"] == alerts


def test_demand_replaces_cpu() -> None:
    kinds = [resource["kind"] for resource in built("overlays/keda")]
    assert ("HorizontalPodAutoscaler" in kinds, "ScaledObject" in kinds) == (False, True)
    assert "HorizontalPodAutoscaler" in [resource["kind"] for resource in built("base")]


def test_the_grace_periods_fit() -> None:
    resources = built("base")
    [config] = [item["data"] for item in resources if item["kind"] == "ConfigMap"]
    spec = one(resources, "Deployment")["spec"]["template"]["spec"]
    sleep = float(container(resources)["lifecycle"]["preStop"]["exec"]["command"][1])
    assert spec["terminationGracePeriodSeconds"] > sleep + float(config["RANER_GRACE_S"])


@pytest.mark.parametrize(
    ("overlay", "data"),
    [
        ("redis", {"RANER_CACHE_URL": "redis://raner-redis:6379/0"}),
        ("gpu", {"RANER_DEVICE": "cuda"}),
        ("model-volume", {"RANER_MODEL": "/models/current"}),
        ("model-pull", {"RANER_MODEL": "active"}),
        ("lexicons", {"RANER_LEXICONS": "/lexicons", "RANER_DEFAULT_LEXICONS": "brands"}),
    ],
)
def test_an_overlay_sets_what_it_is_for(overlay: str, data: dict[str, str]) -> None:
    settings = [item["data"] for item in built(f"overlays/{overlay}") if item["kind"] == "ConfigMap"]
    assert data.items() <= settings[0].items() | settings[-1].items()
