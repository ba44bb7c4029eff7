"""Staging: directories on the store's file system in which things are made that then appear elsewhere by one rename.

    $BENTOML_HOME/raner/staging/build-…     gone when the block ends
    $BENTOML_HOME/raner/staging/pull-…      kept when the block fails, so that a pull goes on where it broke off

Each is locked by the process that uses it, and the kernel drops the lock when the process dies however it dies. What
nobody holds is therefore left over, and the next one who stages something clears it away.
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
"""How long a pull that broke off is kept."""


@contextmanager
def scratch() -> Generator[Path]:
    """An empty directory that is gone when the block ends."""
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_BUILD, dir=_staging()))
    lock = _lock(folder, wait=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unlock(lock)


@contextmanager
def kept(name: str, on_wait: Callable[[], None]) -> Generator[Path]:
    """The directory of that name, with what an earlier block that failed left in it.

    It is gone when the block succeeds, and when it fails over what is in it: that will not become better.

    Args:
        name: of what is being made; letters, digits, `-`, `_` and `.`
        on_wait: called before waiting for another process that makes the same
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


def forget(name: str, but: str) -> None:
    """Clear away what is kept under names that begin with `name`, except `but` and what is in use."""
    for folder in _staging().glob(f"{_PULL}{name}*"):
        if folder.name != f"{_PULL}{but}":
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
    """A descriptor that holds the lock of a directory, which is made if need be; None where another process has it."""
    while True:
        folder.mkdir(exist_ok=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            # Whoever had it may have removed the directory; another one may be there by now.
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
