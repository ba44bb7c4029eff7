"""Check the Kubernetes manifests offline: `make kubernetes-check`.

Builds each kustomization below deploy/kubernetes with `kubectl kustomize`, then checks every resource strictly against
its schema, and checks what a schema cannot express: probes, ports, selectors, references and settings.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jsonschema
import kubernetes_validate
import yaml

from ner_runtime.errors import SettingError
from ner_runtime.settings import PREFIX, Settings, load_settings

REPOSITORY = Path(__file__).resolve().parent.parent
KUBERNETES = REPOSITORY / "deploy" / "kubernetes"
SCHEMAS = REPOSITORY / "tests" / "deploy" / "schemas"
VERSION = "1.34"
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")

RULE = KUBERNETES / "components" / "monitoring" / "prometheusrule.yaml"
RULE_HEAD = """\
# Written from deploy/prometheus/alerts.yml: python -m scripts.kubernetes_check --write-rule
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: raner
spec:
"""

Resource = dict[str, Any]


def kustomizations() -> list[Path]:
    """Return the base and every overlay. Components are built only as parts of overlays."""
    return [KUBERNETES / "base", *sorted(path.parent for path in KUBERNETES.glob("overlays/*/kustomization.yaml"))]


def build(directory: Path) -> list[Resource]:
    """Build a kustomization and return its resources."""
    run = subprocess.run(["kubectl", "kustomize", str(directory)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"kubernetes-check: {directory} cannot be built: {run.stderr.strip()}")
    return [resource for resource in yaml.safe_load_all(run.stdout) if resource]


def problems(resources: list[Resource]) -> list[str]:
    """Return the problems of resources that are applied together; empty if they have none."""
    return [f"{kind(one)}: {what}" for one in resources for what in (*_schema(one), *_meaning(one, resources))]


def kind(resource: Resource) -> str:
    """Return the kind and the name of a resource, for messages."""
    return f"{resource.get('kind')}/{resource.get('metadata', {}).get('name')}"


def _schema(resource: Resource) -> Iterator[str]:
    custom = SCHEMAS / f"{resource['kind'].lower()}.json"
    try:
        if custom.exists():
            jsonschema.Draft202012Validator(json.loads(custom.read_text(encoding="utf-8"))).validate(resource)
        else:
            kubernetes_validate.validate(resource, VERSION, strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        path = ".".join(str(part) for part in error.path)
        yield f"{path or 'the resource'}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"there is no schema for {resource['apiVersion']} {resource['kind']}"


def _meaning(resource: Resource, resources: list[Resource]) -> Iterator[str]:
    match resource["kind"]:
        case "Deployment":
            yield from _deployment(resource, resources)
        case "Service":
            pods = _selected(resource["spec"]["selector"], resources)
            yield from _no_pods(pods)
            for port in resource["spec"]["ports"]:
                yield from _port(port["targetPort"], pods)
        case "PodMonitor":
            pods = _selected(resource["spec"]["selector"]["matchLabels"], resources)
            yield from _no_pods(pods)
            for endpoint in resource["spec"]["podMetricsEndpoints"]:
                yield from _port(endpoint["port"], pods)
        case "NetworkPolicy":
            yield from _network_policy(resource, resources)
        case "PodDisruptionBudget":
            yield from _no_pods(_selected(resource["spec"]["selector"]["matchLabels"], resources))
        case "HorizontalPodAutoscaler" | "ScaledObject":
            target = resource["spec"]["scaleTargetRef"]
            if not _named(target.get("kind", "Deployment"), target["name"], resources):
                yield f"scaleTargetRef: there is no {target.get('kind', 'Deployment')}/{target['name']}"
        case "HTTPRoute":
            yield from _route(resource, resources)
        case "ConfigMap":
            yield from _settings(resource.get("data", {}))
        case _:
            pass


def _deployment(deployment: Resource, resources: list[Resource]) -> Iterator[str]:
    spec = deployment["spec"]["template"]["spec"]
    if not set(deployment["spec"]["selector"]["matchLabels"].items()) <= set(_labels(deployment).items()):
        yield "the selector does not match the pod template's labels"
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    for volume in spec.get("volumes", []):
        if "configMap" in volume and not _named("ConfigMap", volume["configMap"]["name"], resources):
            yield f"volume {volume['name']}: there is no ConfigMap/{volume['configMap']['name']}"
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"container {container['name']}: there is no volume {mount['name']}"
        for source in container.get("envFrom", []):
            if not _named("ConfigMap", source["configMapRef"]["name"], resources):
                yield f"container {container['name']}: there is no ConfigMap/{source['configMapRef']['name']}"
        security = container.get("securityContext", {})
        if not security.get("readOnlyRootFilesystem") or security.get("allowPrivilegeEscalation") is not False:
            yield f"container {container['name']}: the root file system is not read-only, or privileges may grow"
    for container in spec["containers"]:
        yield from _listening_port(container, resources)
        for name in PROBES:
            if name not in container:
                yield f"container {container['name']}: no {name}"
                continue
            probe = container[name].get("httpGet") or container[name].get("tcpSocket")
            if probe and probe["port"] not in _ports([container]):
                yield f"container {container['name']}: {name} asks port {probe['port']}, which it does not open"


def _listening_port(container: Resource, resources: list[Resource]) -> Iterator[str]:
    """Compare the port `http` of a container with `RANER_PORT` of the ConfigMaps that it reads."""
    names = [source["configMapRef"]["name"] for source in container.get("envFrom", [])]
    settings = [config.get("data", {}) for name in names for config in _named("ConfigMap", name, resources)]
    if not any(name.startswith(PREFIX) for data in settings for name in data):
        return
    default = str(Settings.model_fields["port"].default)
    listens = next((data["RANER_PORT"] for data in settings if "RANER_PORT" in data), default)
    for port in container.get("ports", []):
        if port.get("name") == "http" and str(port["containerPort"]) != listens:
            opens = f"opens port {port['containerPort']} as http"
            yield f"container {container['name']}: {opens}, but the service listens on port {listens}"


def _network_policy(policy: Resource, resources: list[Resource]) -> Iterator[str]:
    pods = _selected(policy["spec"]["podSelector"].get("matchLabels", {}), resources)
    yield from _no_pods(pods)
    for rule in policy["spec"].get("ingress", []):
        for port in rule.get("ports", []):
            yield from _port(port["port"], pods)
    for rule in policy["spec"].get("egress", []):
        labels = [peer["podSelector"]["matchLabels"] for peer in rule["to"] if "podSelector" in peer]
        for port in rule.get("ports", []) if labels else []:
            yield from _port(port["port"], [pod for one in labels for pod in _selected(one, resources)])


def _route(route: Resource, resources: list[Resource]) -> Iterator[str]:
    for rule in route["spec"]["rules"]:
        for backend in rule["backendRefs"]:
            services = _named("Service", backend["name"], resources)
            if backend["port"] not in {port["port"] for service in services for port in service["spec"]["ports"]}:
                yield f"there is no Service/{backend['name']} with port {backend['port']}"


def _settings(data: dict[str, str]) -> Iterator[str]:
    ours = {name: value for name, value in data.items() if name.startswith(PREFIX)}
    unknown = sorted(name for name in ours if name.removeprefix(PREFIX).lower() not in Settings.model_fields)
    if unknown:
        yield f"unknown settings: {', '.join(unknown)}"
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with patch.dict(os.environ, {**others, **ours}, clear=True):
        try:
            load_settings()
        except SettingError as error:
            yield error.message


def _selected(labels: dict[str, str], resources: list[Resource]) -> list[Resource]:
    """Return the Deployments whose pods have the labels."""
    return [one for one in resources if one["kind"] == "Deployment" and labels.items() <= _labels(one).items()]


def _labels(deployment: Resource) -> dict[str, str]:
    return deployment["spec"]["template"]["metadata"]["labels"]


def _named(wanted: str, name: str, resources: list[Resource]) -> list[Resource]:
    return [one for one in resources if one["kind"] == wanted and one["metadata"]["name"] == name]


def _no_pods(deployments: list[Resource]) -> Iterator[str]:
    if not deployments:
        yield "the selector matches no pod"


def _port(port: str | int, deployments: list[Resource]) -> Iterator[str]:
    containers = [one for deployment in deployments for one in deployment["spec"]["template"]["spec"]["containers"]]
    if port not in _ports(containers):
        yield f"no selected pod opens port {port}"


def _ports(containers: list[Resource]) -> set[str | int]:
    ports = [port for container in containers for port in container.get("ports", [])]
    return {port["name"] for port in ports} | {port["containerPort"] for port in ports}


def write_rule() -> None:
    """Write the alerts of `deploy/prometheus/alerts.yml` to the PrometheusRule."""
    alerts = (REPOSITORY / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    lines = alerts[alerts.index("groups:") :].splitlines(keepends=True)
    RULE.write_text(RULE_HEAD + "".join(f"  {line}" if line.strip() else line for line in lines), encoding="utf-8")


def main() -> None:
    """Check all kustomizations, or write the PrometheusRule if `--write-rule` is given."""
    if sys.argv[1:] == ["--write-rule"]:
        write_rule()
        return
    if shutil.which("kubectl") is None:
        sys.exit("kubernetes-check: kubectl is missing; it builds the kustomizations")
    found = [(directory, problem) for directory in kustomizations() for problem in problems(build(directory))]
    for directory, problem in found:
        print(f"{directory.relative_to(REPOSITORY)}: {problem}", file=sys.stderr)
    if found:
        sys.exit(1)
    print(f"kubernetes-check: {len(kustomizations())} kustomizations are valid")


if __name__ == "__main__":
    main()
