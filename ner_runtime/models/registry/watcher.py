"""Watcher: notices that the model to serve is another one than a moment ago. It opens nothing, and nobody is told.

RANER_MODEL                what is watched
`active`                   the pointer that `raner use` and `raner pull` write
a directory                its `model.json`, and where a symbolic link to a directory leads
anything else              what the store holds: a newer one of that name or hub id
"""

from __future__ import annotations

from pathlib import Path

from ner_runtime.errors import RanerError
from ner_runtime.manifest import MODEL_FILE
from ner_runtime.models.registry.active import active_reference, active_stamp, store_home
from ner_runtime.models.registry.resolve import locate_model
from ner_runtime.settings import ACTIVE_MODEL


class Watcher:
    """Looks after one reference to a model. A look where nothing has changed costs a few `stat`s."""

    def __init__(self, reference: str) -> None:
        """What there is now counts as seen."""
        self._reference = reference
        self._seen = self._stamp()

    @property
    def reference(self) -> str:
        """The tag or the directory that is to be served now; what is watched where that cannot be said."""
        try:
            return active_reference() if self._reference == ACTIVE_MODEL else self._reference
        except RanerError:
            return self._reference

    def changed(self) -> Path | None:
        """The directory of the model to serve, if something has changed since the last call; it may be the same one.

        Raises:
            RanerError: it has changed to something that leads nowhere; the next call says None.
        """
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        # A link that is switched while the files behind it are read must not mix two models.
        return locate_model(self._reference).resolve()

    def _stamp(self) -> object:
        if self._reference == ACTIVE_MODEL:
            return active_stamp()
        try:
            status = (Path(self._reference) / MODEL_FILE).stat()
            return status.st_ino, status.st_mtime_ns
        except OSError:
            return _store_stamp()


def _store_stamp() -> object:
    """Something that is another one after a model was put into the store."""
    try:
        return sorted((path.name, path.stat().st_mtime_ns) for path in (store_home() / "models").iterdir())
    except OSError:
        return None
