"""Read and write the pointer to the active model, which is used if no other model is named.

    $BENTOML_HOME/raner/active     one line: a stored tag, or `embedded`; no file means `embedded`

`raner use` writes the pointer atomically. To watch it, compare `active_stamp()`, which costs one `stat`, with the
previous value. This module does not import BentoML, which is slow to import.
"""

from __future__ import annotations

import os
from pathlib import Path

from ner_runtime.atomic_files import write_atomically
from ner_runtime.errors import StoreError
from ner_runtime.settings import EMBEDDED_MODEL

Stamp = tuple[int, int, int]


def store_home() -> Path:
    """Return the home directory of BentoML: `BENTOML_HOME`, expanded as BentoML expands it, or `~/bentoml`."""
    home = os.environ.get("BENTOML_HOME", "~/bentoml")
    while (expanded := os.path.expanduser(os.path.expandvars(home))) != home:
        home = expanded
    return Path(home)


def raner_home() -> Path:
    """Return this package's directory in BentoML's home. It contains the pointer and the staging directories."""
    return store_home() / "raner"


def active_reference() -> str:
    """Return the tag of the active model, `NAME:VERSION`, or `embedded`.

    Raises:
        StoreError: the pointer exists but cannot be read.
    """
    try:
        return _pointer().read_text(encoding="utf-8").strip() or EMBEDDED_MODEL
    except FileNotFoundError:
        return EMBEDDED_MODEL
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{_pointer()} cannot be read: {error}") from None


def active_stamp() -> Stamp | None:
    """Return a value that changes whenever the pointer is written; None if there is no pointer."""
    try:
        status = _pointer().stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def set_active(reference: str) -> None:
    """Make a stored tag, or `embedded`, the active model. Does not check that the model exists.

    Raises:
        StoreError: the pointer cannot be written.
    """
    try:
        write_atomically(_pointer(), f"{reference}\n".encode())
    except OSError as error:
        raise StoreError(f"{_pointer()} cannot be written: {error.strerror}") from None


def _pointer() -> Path:
    return raner_home() / "active"
