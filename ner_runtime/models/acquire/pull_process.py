"""Run `raner pull` as a child process.

A pull needs PyTorch and gigabytes of memory, which a running service must not keep. Checking the hub for a newer
revision takes one request and runs in this process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ner_runtime.errors import HubUnavailable
from ner_runtime.manifest import Manifest
from ner_runtime.models.acquire.hub import has_newer_revision
from ner_runtime.models.registry.store import find_model, split_hub_id
from ner_runtime.settings import ACTIVE_MODEL, EMBEDDED_MODEL

_PACKAGES = Path(__file__).parents[3]


def pull_if_missing(reference: str) -> None:
    """Pull `owner/name[@revision]` if it is neither a directory nor in the store; leave the active model unchanged.

    No request is sent to the hub if the model is present. If the pull fails, this process exits with the exit code of
    the pull, which has printed the error.
    """
    if reference in (ACTIVE_MODEL, EMBEDDED_MODEL) or "/" not in reference or Path(reference).is_dir():
        return
    if split_hub_id(reference) is None or find_model(reference):
        return
    pulled = _run_pull("--no-use", reference)
    if pulled.returncode:
        raise SystemExit(pulled.returncode)


def pull_newer(manifest: Manifest, *, use: bool) -> bool:
    """Pull a model again if its files on the hub have changed.

    Args:
        manifest: the manifest of the served model
        use: make the pulled model the active one

    Returns:
        Whether a newer model was pulled; False for a model that did not come from the hub.

    Raises:
        MissingExtra: the hub client is not installed.
        HubUnavailable: the hub cannot be reached, or the pull failed; the message gives the reason.
    """
    source = manifest.source
    if source.revision is None or not has_newer_revision(source):
        return False
    # An FP32 model that has an agreement was requested as INT8, but the agreement was too low.
    precision = "fp32" if manifest.precision == "fp32" and manifest.agreement is None else "int8"
    options = ["--revision", source.revision, "--name", manifest.name, "--precision", precision]
    pulled = _run_pull(*options, "--use" if use else "--no-use", source.id, errors=subprocess.PIPE)
    if pulled.returncode:
        *_, last = pulled.stderr.strip().splitlines() or ["the pull printed no error"]
        raise HubUnavailable(f"a newer {source.id} could not be pulled: {last.removeprefix('raner: ')}")
    return True


def _run_pull(*arguments: str, errors: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run `raner pull` and wait for it. `errors=subprocess.PIPE` captures its standard error."""
    # In a bento the package is not installed: its directory is next to service.py.
    path = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
    return subprocess.run(  # noqa: S603 - our own command; the arguments were validated
        [sys.executable, "-m", "ner_runtime.cli", "pull", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env={**os.environ, "PYTHONPATH": path},
        text=True,
        check=False,
    )
