"""Missing: a model that a service is to serve and that is neither on disk nor in the store is pulled, once."""

from __future__ import annotations

from pathlib import Path

from ner_runtime.models.puller import run_pull
from ner_runtime.settings import ACTIVE_MODEL, EMBEDDED_MODEL


def pull_if_missing(reference: str) -> None:
    """Pull `owner/name[@revision]` where it is no directory and not in the store. The active model stays what it is.

    Nothing is asked over the network where the model is there. A pull that fails ends this process, after its own line.
    """
    if reference in (ACTIVE_MODEL, EMBEDDED_MODEL) or "/" not in reference or Path(reference).is_dir():
        return
    from ner_runtime.models.store import find_model, split_hub_id

    if split_hub_id(reference) is None or find_model(reference):
        return
    pulled = run_pull("--no-use", reference)
    if pulled.returncode:
        raise SystemExit(pulled.returncode)
