"""Detect that the model to serve has changed.

reference          what is watched
active             the pointer that `raner use` and `raner pull` write
a directory        its `model.json`, through symbolic links
anything else      the store, for a newer model of that name or hub id
"""

from __future__ import annotations

from pathlib import Path

from ner_runtime.errors import RanerError
from ner_runtime.manifest import MODEL_FILE
from ner_runtime.models.registry.active import active_reference, active_stamp, store_home
from ner_runtime.models.registry.resolve import resolve_model
from ner_runtime.settings import ACTIVE_MODEL


class Watcher:
    """Watches one reference to a model. Checking for a change costs a few `stat` calls."""

    def __init__(self, reference: str) -> None:
        """Start watching; the current state counts as unchanged."""
        self._reference = reference
        self._seen = self._stamp()

    @property
    def reference(self) -> str:
        """The tag or directory to serve now; the watched reference if the pointer cannot be read."""
        try:
            return active_reference() if self._reference == ACTIVE_MODEL else self._reference
        except RanerError:
            return self._reference

    def changed(self) -> Path | None:
        """Return the directory of the model to serve if a change was detected since the last call, else None.

        The directory can be the same as before.

        Raises:
            RanerError: the changed reference does not resolve to a model; the next call returns None.
        """
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        # Resolve the link, because switching it while the files are read would mix the files of two models.
        return resolve_model(self._reference).resolve()

    def _stamp(self) -> object:
        if self._reference == ACTIVE_MODEL:
            return active_stamp()
        try:
            status = (Path(self._reference) / MODEL_FILE).stat()
            return status.st_ino, status.st_mtime_ns
        except OSError:
            return _store_stamp()


def _store_stamp() -> object:
    """Return a value that changes when a model is added to the store."""
    try:
        return sorted((path.name, path.stat().st_mtime_ns) for path in (store_home() / "models").iterdir())
    except OSError:
        return None
