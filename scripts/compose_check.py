"""Check deploy/compose offline: `make compose-check`.

Substitutes the variables, validates the file against the Compose specification, and checks what the specification
leaves open: health checks, start order, mounted files, settings.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from compose_spec import PyCompose

from ner_runtime.settings import PREFIX, Settings

REPOSITORY = Path(__file__).resolve().parent.parent
COMPOSE = REPOSITORY / "deploy" / "compose"
VARIABLE = re.compile(r"\$\{(\w+)(?:(:-|-|:\?)([^}]*))?\}")
# Settings of the container, not of the service.
COMPOSE_ONLY = {"RANER_IMAGE", "RANER_CPUS", "RANER_MEMORY", "RANER_PUBLISH", "RANER_MODELS_DIR", "RANER_LEXICONS_DIR"}


def read_env(path: Path) -> dict[str, str]:
    """Return the variables of an .env file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line.strip() and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def substituted(text: str, env: Mapping[str, str]) -> str:
    """Replace the variables in the text of a Compose file, as Compose does.

    Raises:
        ValueError: a required variable is not set.
    """

    def value(found: re.Match[str]) -> str:
        name, operator, word = found.groups()
        if env.get(name) or (operator == "-" and name in env):
            return env[name]
        if operator == ":?":
            raise ValueError(f"{name} is not set: {word}")
        return word or ""

    return VARIABLE.sub(value, text)


def load(env: Mapping[str, str], text: str | None = None) -> dict[str, Any]:
    """Validate the Compose file and return it as a dict.

    Raises:
        ValueError: the file does not follow the specification, or a required variable is not set.
    """
    source = substituted(text or (COMPOSE / "compose.yaml").read_text(encoding="utf-8"), env)
    PyCompose.from_yaml(source).validate()
    return yaml.safe_load(source)


def problems(compose: dict[str, Any]) -> Iterator[str]:
    """Yield the problems of a Compose file that follows the specification."""
    services: dict[str, Any] = compose["services"]
    for name, service in services.items():
        if "healthcheck" not in service:
            yield f"{name}: no healthcheck"
        if service.get("cap_drop") != ["ALL"]:
            yield f"{name}: keeps capabilities"
        for other, dependency in service.get("depends_on", {}).items():
            if other not in services:
                yield f"{name}: depends on {other}, which is not a service"
            elif dependency.get("condition") != "service_healthy":
                yield f"{name}: does not wait until {other} is healthy"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith(".") and not (COMPOSE / source).exists():
                yield f"{name}: {source} does not exist"
        for setting in service.get("environment", {}):
            if setting.startswith(PREFIX) and setting.removeprefix(PREFIX).lower() not in Settings.model_fields:
                yield f"{name}: unknown setting {setting}"


def main() -> None:
    """Check the Compose file with the variables of env.example; exit with status 1 if it has problems."""
    env = read_env(COMPOSE / "env.example")
    unknown = [name for name in env if name.startswith(PREFIX) and name not in COMPOSE_ONLY]
    unknown = [name for name in unknown if name.removeprefix(PREFIX).lower() not in Settings.model_fields]
    try:
        found = [*problems(load(env)), *(f"env.example: unknown setting {name}" for name in unknown)]
    except ValueError as error:
        found = [str(error)]
    for problem in found:
        print(f"compose-check: {problem}", file=sys.stderr)
    if found:
        sys.exit(1)
    print("compose-check: compose.yaml is valid")


if __name__ == "__main__":
    main()
