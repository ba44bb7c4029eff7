"""Where a model is: `M`, as people name models, to its directory.

    active           what `raner use` or `raner pull` chose, else the embedded one
    embedded         the one that ships with the package
    a directory      one that `raner import` made, or one beside it
    NAME[:VERSION]   in the store, the newest one of a name alone
    owner/name[@R]   at the hub, where it has been pulled

Looked up in this order, and never over the network.
"""

from __future__ import annotations

from pathlib import Path

from ner_runtime.embedded import embedded_model
from ner_runtime.errors import InvalidModel, ModelNotFound
from ner_runtime.manifest import MODEL_FILE
from ner_runtime.models.registry.active import active_reference
from ner_runtime.settings import ACTIVE_MODEL, EMBEDDED_MODEL


def locate_model(reference: str) -> Path:
    """The directory of a model.

    Raises:
        ModelNotFound: there is none; the message says what can be done.
        InvalidModel, StoreError: it is a checkpoint that has not been imported, or is damaged.
    """
    if reference == ACTIVE_MODEL:
        return _active_model(active_reference())
    if reference == EMBEDDED_MODEL:
        return embedded_model()
    directory = Path(reference)
    if directory.is_dir():
        if (directory / "config.json").is_file() and not (directory / MODEL_FILE).exists():
            raise InvalidModel(f"{reference} is a checkpoint, not a model directory yet: raner import {reference}")
        return directory
    # BentoML is not imported for the two that need no store.
    from ner_runtime.models.registry.store import find_model, split_hub_id, stored_models

    model = find_model(reference)
    if model:
        return model.directory
    if split_hub_id(reference):
        raise ModelNotFound(f"no model {reference}: no directory, and not in the store; raner pull {reference} gets it")
    there = ", ".join(["embedded", *(model.tag for model in stored_models())])
    raise ModelNotFound(f"no model {reference}: no directory, and not in the store, where there is {there}")


def _active_model(reference: str) -> Path:
    if reference == EMBEDDED_MODEL:
        return embedded_model()
    from ner_runtime.models.registry.store import find_model

    model = find_model(reference)
    if model is None:
        raise ModelNotFound(f"the active model {reference} is not in the store any more; raner use chooses another one")
    return model.directory
