"""Where a model is: `M`, as people name models, to its directory."""

from __future__ import annotations

from pathlib import Path

from ner_runtime.embedded import embedded_model
from ner_runtime.models.active import active_reference
from ner_runtime.settings import ACTIVE_MODEL, EMBEDDED_MODEL


def locate_model(reference: str) -> Path:
    """The directory of a model.

    Args:
        reference: `active`, `embedded`, a directory, a stored tag or name, or a hub id
    """
    if reference == ACTIVE_MODEL:
        reference = active_reference()
    if reference == EMBEDDED_MODEL:
        return embedded_model()
    return Path(reference)
