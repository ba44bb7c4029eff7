"""Refresh: has the model that is served moved on at the hub? If so, it is pulled, in a process of its own.

To pull takes PyTorch and gigabytes of memory; to ask takes one request.
"""

from __future__ import annotations

import subprocess

from ner_runtime.errors import HubUnavailable
from ner_runtime.manifest import Manifest
from ner_runtime.models.hub import newer_at_hub
from ner_runtime.models.puller import run_pull


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
    # FP32 that was not kept for want of agreement was asked for.
    precision = "fp32" if manifest.precision == "fp32" and manifest.agreement is None else "int8"
    options = ["--revision", source.revision, "--name", manifest.name, "--precision", precision]
    pulled = run_pull(*options, "--use" if use else "--no-use", source.id, errors=subprocess.PIPE)
    if pulled.returncode:
        *_, last = pulled.stderr.strip().splitlines() or ["no word"]
        raise HubUnavailable(f"a newer {source.id} could not be pulled: {last.removeprefix('raner: ')}")
    return True
