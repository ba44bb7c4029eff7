"""A program that resolves the active model and prints which of the slow packages it has imported by then."""

from __future__ import annotations

import sys

import ner_runtime.cli.app
import ner_runtime.models.registry.store  # noqa: F401
from ner_runtime.models.registry.resolve import resolve_model

if __name__ == "__main__":
    resolve_model("active")
    print([name for name in ("bentoml", "torch", "onnx") if name in sys.modules])  # noqa: T201
