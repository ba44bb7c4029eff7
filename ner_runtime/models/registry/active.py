"""Active: the one pointer to the model that is served where nobody names another.

    $BENTOML_HOME/raner/active     one line: a stored tag, or `embedded`; no file means `embedded`

`raner use` writes it, by a rename: a reader sees the old line or the new one, whole. Whoever watches for a change polls
`active_stamp()`, one `stat`, and calls `active_reference()` when it differs from the last one; `locate_model` turns the
reference into a directory, and a directory's files never change. Nothing heavy is imported here, BentoML neither.
"""

from __future__ import annotations

import os
from pathlib import Path

from ner_runtime.atomic_files import write_atomically
from ner_runtime.errors import StoreError
from ner_runtime.settings import EMBEDDED_MODEL

Stamp = tuple[int, int, int]


def store_home() -> Path:
    """BentoML's home, found as BentoML finds it: `BENTOML_HOME`, else `~/bentoml`."""
    home = os.environ.get("BENTOML_HOME", "~/bentoml")
    while (expanded := os.path.expanduser(os.path.expandvars(home))) != home:
        home = expanded
    return Path(home)


def raner_home() -> Path:
    """What is ours in BentoML's home: the pointer, and what is being pulled or put into the store."""
    return store_home() / "raner"


def active_reference() -> str:
    """The active model's tag, `NAME:VERSION`, or `embedded`.

    Raises:
        StoreError: the pointer is there and cannot be read.
    """
    try:
        return _pointer().read_text(encoding="utf-8").strip() or EMBEDDED_MODEL
    except FileNotFoundError:
        return EMBEDDED_MODEL
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{_pointer()} cannot be read: {error}") from None


def active_stamp() -> Stamp | None:
    """Something that is another one after every change of the pointer; None where no model was ever made active."""
    try:
        status = _pointer().stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def set_active(reference: str) -> None:
    """Make a stored tag, or `embedded`, the active model. Whether it is stored is for the caller to know.

    Raises:
        StoreError: BentoML's home cannot be written to.
    """
    try:
        write_atomically(_pointer(), f"{reference}\n".encode())
    except OSError as error:
        raise StoreError(f"{_pointer()} cannot be written: {error.strerror}") from None


def _pointer() -> Path:
    return raner_home() / "active"
