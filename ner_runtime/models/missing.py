"""Missing: a model that a service is to serve and that is neither on disk nor in the store is pulled, once.

The pull is a process of its own, since it needs PyTorch and the service must not keep that in memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ner_runtime.settings import ACTIVE_MODEL, EMBEDDED_MODEL

_PACKAGES = Path(__file__).parents[2]


def pull_if_missing(reference: str) -> None:
    """Pull `owner/name[@revision]` where it is no directory and not in the store. The active model stays what it is.

    Nothing is asked over the network where the model is there. A pull that fails ends this process, after its own line.
    """
    if reference in (ACTIVE_MODEL, EMBEDDED_MODEL) or "/" not in reference or Path(reference).is_dir():
        return
    from ner_runtime.models.store import find_model, split_hub_id

    if split_hub_id(reference) is None or find_model(reference):
        return
    # In a bento the package is not installed, but lies beside the service.
    path = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
    pulled = subprocess.run(  # noqa: S603 - our own command, and a reference that has been looked at
        [sys.executable, "-m", "ner_runtime.cli", "pull", "--no-use", reference],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    )
    if pulled.returncode:
        raise SystemExit(pulled.returncode)
