"""The models of the service under test. A load is spread over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """A model: the request fields that select it, and its default types."""

    fields: Mapping[str, object]
    types: tuple[str, ...]


def targets(models: Mapping[str, Any]) -> list[Target]:
    """Return the models of a response of `GET /models`. The only model of a service needs no field."""
    items = models["models"]
    return [Target({"model": item["id"]} if len(items) > 1 else {}, tuple(item["default_types"])) for item in items]
