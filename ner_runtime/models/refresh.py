"""Refresh: has the model that is served moved on at the hub? If so, it is pulled, in a process of its own.

To pull takes PyTorch and gigabytes of memory; to ask takes one request.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ner_runtime.errors import HubUnavailable
from ner_runtime.manifest import Manifest
from ner_runtime.models.hub import newer_at_hub

_PACKAGES = Path(__file__).parents[2]


def refresh(manifest: Manifest, *, use: bool) -> bool:
    """Ask the hub about a model's revision, and pull it if it has moved. Whoever watches the store or the pointer sees.

    Args:
        manifest: of the model
        use: make what was pulled the active model

    Returns:
        Whether a newer one was pulled. A model that is not from the hub has none.

    Raises:
        MissingExtra: the hub's client is not installed.
        HubUnavailable: the hub cannot be asked, or the pull has failed; the message says why.
    """
    source = manifest.source
    if source.revision is None or not newer_at_hub(source):
        return False
    options = ["--revision", source.revision, "--name", manifest.name, "--use" if use else "--no-use"]
    # In a bento the package is not installed, but lies beside the service.
    path = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
    pulled = subprocess.run(  # noqa: S603 - our own command, and a reference that was pulled before
        [sys.executable, "-m", "ner_runtime.cli", "pull", *options, source.id],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        text=True,
    )
    if pulled.returncode:
        *_, last = pulled.stderr.strip().splitlines() or ["no word"]
        raise HubUnavailable(f"a newer {source.id} could not be pulled: {last.removeprefix('raner: ')}")
    return True
