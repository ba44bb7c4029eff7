"""Resolve a reference to a model directory. Its forms are tried in this order, without network access:

active           the model selected with `raner use` or `raner pull`; initially the embedded model
embedded         the model that ships with the package
a directory      a model directory
NAME[:VERSION]   a model in the store; without a version, the newest one
owner/name[@R]   a model in the store that was pulled from the hub
"""

from __future__ import annotations

from pathlib import Path

from ner_runtime.embedded import embedded_model
from ner_runtime.errors import InvalidModel, ModelNotFound
from ner_runtime.manifest import MODEL_FILE
from ner_runtime.models.registry.active import active_reference
from ner_runtime.settings import ACTIVE_MODEL, EMBEDDED_MODEL


def resolve_model(reference: str) -> Path:
    """Return the directory of a model.

    Raises:
        ModelNotFound: no model has this name; the message says what to do.
        InvalidModel: the reference is the directory of a checkpoint that has not been imported.
        InvalidModel, StoreError: the stored model is damaged.
    """
    if reference == ACTIVE_MODEL:
        return _active_model(active_reference())
    if reference == EMBEDDED_MODEL:
        return embedded_model()
    directory = Path(reference)
    if directory.is_dir():
        if (directory / "config.json").is_file() and not (directory / MODEL_FILE).exists():
            raise InvalidModel(
                f"{reference} is a checkpoint, not a model directory; import it first: raner import {reference}"
            )
        return directory
    # Importing BentoML is slow, and the references above do not need it.
    from ner_runtime.models.registry.store import find_model, split_hub_id, stored_models

    model = find_model(reference)
    if model:
        return model.directory
    if split_hub_id(reference):
        raise ModelNotFound(
            f"model {reference} is not a directory and not in the store; pull it: raner pull {reference}"
        )
    stored = ", ".join(["embedded", *(model.tag for model in stored_models())])
    raise ModelNotFound(f"model {reference} is not a directory and not in the store; known models: {stored}")


def _active_model(reference: str) -> Path:
    if reference == EMBEDDED_MODEL:
        return embedded_model()
    from ner_runtime.models.registry.store import find_model

    model = find_model(reference)
    if model is None:
        raise ModelNotFound(
            f"the active model {reference} is no longer in the store; select another one with raner use"
        )
    return model.directory
