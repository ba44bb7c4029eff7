"""Program of `tests/deploy/test_bento.py`: imports the service where `ner_runtime` is not an installed distribution."""
# ruff: noqa: T201

from __future__ import annotations

import importlib.metadata as metadata
import sys

sys.path.insert(0, "")
find_distribution = metadata.distribution


def distribution(name: str) -> metadata.Distribution:
    if name == "ner_runtime":
        raise metadata.PackageNotFoundError(name)
    return find_distribution(name)


metadata.distribution = distribution

import service  # noqa: E402
from ner_runtime.serving.api.openapi import openapi  # noqa: E402

print(service.__file__, openapi()["info"]["version"])
