"""Create temporary directories on the file system of the store, so that a rename moves finished models into it.

    $BENTOML_HOME/raner/staging/build-…     deleted when the block ends
    $BENTOML_HOME/raner/staging/pull-…      kept if the block fails, so that a pull can be resumed

The process that uses a directory holds a lock on it, which the kernel releases when the process exits or is killed.
Directories without a lock are leftovers. The next process that needs a directory deletes them, pulls after seven days.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from ner_runtime.errors import InvalidCheckpoint, InvalidModel, StoreError, UnsupportedCheckpoint
from ner_runtime.models.registry.active import raner_home

_BUILD = "build-"
_PULL = "pull-"
_KEPT_S = 7 * 24 * 3600
"""How long the files of an interrupted pull are kept."""


@contextmanager
def temporary_directory() -> Generator[Path]:
    """Create an empty directory; delete it when the block ends."""
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_BUILD, dir=_staging()))
    lock = _lock(folder, wait=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unlock(lock)


@contextmanager
def resumable_directory(name: str, on_wait: Callable[[], None]) -> Generator[Path]:
    """Open the directory `name`, including the files that an interrupted block left in it.

    The directory is deleted if the block succeeds, or if it fails because of the contents of the files; in that case
    another attempt would fail too.

    Args:
        name: letters, digits, `-`, `_` and `.`
        on_wait: called before waiting for another process that uses the directory
    """
    _sweep()
    folder = _staging() / f"{_PULL}{name}"
    lock = _lock(folder, wait=False)
    if lock is None:
        on_wait()
        lock = _lock(folder, wait=True)
    try:
        yield folder
    except (InvalidCheckpoint, UnsupportedCheckpoint, InvalidModel):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        _unlock(lock)


def discard_pulls(prefix: str, keep: str) -> None:
    """Delete interrupted pulls whose names begin with `prefix`, except `keep` and those in use."""
    for folder in _staging().glob(f"{_PULL}{prefix}*"):
        if folder.name != f"{_PULL}{keep}":
            _remove_unless_used(folder)


def _sweep() -> None:
    for folder in _staging().iterdir():
        try:
            age = time.time() - folder.stat().st_mtime
        except FileNotFoundError:
            continue
        if folder.name.startswith(_BUILD) or age > _KEPT_S:
            _remove_unless_used(folder)


def _remove_unless_used(folder: Path) -> None:
    lock = _lock(folder, wait=False)
    if lock is not None:
        shutil.rmtree(folder, ignore_errors=True)
        _unlock(lock)


def _lock(folder: Path, *, wait: bool) -> int | None:
    """Create and lock a directory; return a descriptor that holds the lock, or None if another process holds it."""
    while True:
        folder.mkdir(exist_ok=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            # The previous owner may have deleted the directory, and another process may have created it again.
            if os.fstat(descriptor).st_nlink and os.path.samestat(os.fstat(descriptor), folder.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _unlock(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _staging() -> Path:
    folder = raner_home() / "staging"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror}") from None
    return folder
