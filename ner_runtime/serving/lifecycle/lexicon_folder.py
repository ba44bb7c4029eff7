"""Load the lexicons of a directory, and load a file again when it changes.

Each file `NAME.tsv` or `NAME.jsonl` is the lexicon NAME. If a changed file cannot be used, or if there are both files,
the lexicon that was loaded before stays in use, and `/model`, the log and a metric report the reason. A lexicon whose
file is removed is removed, unless requests use it by default.

The workers keep a copy of each file that they loaded in the supervisor's run directory. A worker that starts while a
file cannot be used loads the copy instead, so that all workers apply the same lexicons.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG

from ner_runtime.atomic_files import write_atomically
from ner_runtime.errors import InvalidLexicon, SettingError
from ner_runtime.lexicon.user.lexicon import Lexicon
from ner_runtime.serving.answering.lexicons import Lexicons
from ner_runtime.serving.answering.memory import release_memory
from ner_runtime.serving.api.lexicon_status import LexiconStatus
from ner_runtime.serving.lifecycle.heartbeat import run_dir
from ner_runtime.serving.telemetry.metrics import observe_lexicon, observe_lexicon_load

CHECK_S = 1.0
"""How often a worker checks whether a file has changed."""
SUFFIXES = (".tsv", ".jsonl")

# Loading a larger lexicon leaves so much free memory that it is worth returning.
_LARGE = 10_000

_FileStamp = tuple[str, int, int, int, int]
"""File name, inode, times of the last change of the contents and of the metadata, and size."""
_Stamp = tuple[_FileStamp, ...]
"""The state of the files of a lexicon. If there are several, none of them is used."""

_log = logging.getLogger("raner.lexicons")


class LexiconFolder:
    """Keeps the named lexicons of a worker up to date with the files of a directory."""

    def __init__(self, folder: Path, default: Sequence[str], lexicons: Lexicons, status: LexiconStatus) -> None:
        """Set the parts.

        Args:
            folder: the directory
            default: names of the lexicons that must exist
            lexicons: where the lexicons are put
            status: the status that `/model` reports
        """
        self._folder = folder
        self._default = tuple(default)
        self._lexicons = lexicons
        self._status = status
        shared = run_dir()
        self._copies = None if shared is None else _Copies(shared / "lexicons")
        self._seen: dict[str, _Stamp | None] = {}
        """The state of each file at the last check; None for a default lexicon whose file does not exist."""
        self._failures: dict[str, str] = {}
        """Why a file could not be loaded, until it changes."""
        self._unreadable: str | None = None
        """Why the directory could not be read at the last check."""

    @property
    def ready(self) -> bool:
        """Whether every lexicon that requests use by default is loaded."""
        return all(name in self._lexicons.named for name in self._default)

    def load(self) -> None:
        """Load every file that has changed."""
        try:
            stamps = {**dict.fromkeys(self._default), **self._stamps()}
        except OSError as error:
            self._fail_all(error.strerror or type(error).__name__)
            return
        if self._unreadable is not None:
            _log.info("the directory of the lexicons can be read again")
            self._unreadable = None
            # Loading every file again clears the errors in the status. What is in use now may have been removed.
            self._seen = dict.fromkeys(self._lexicons.named.keys() - set(self._default))
        for name, stamp in stamps.items():
            is_missing = stamp is not None and name in self._default and name not in self._lexicons.named
            if name in self._seen and self._seen[name] == stamp and not is_missing:
                continue
            if self._seen.get(name) != stamp:
                self._failures.pop(name, None)
            self._seen[name] = stamp
            if stamp is None:
                self._fail(name, "the file was removed")
            else:
                self._load(name, stamp)
        for name in self._seen.keys() - stamps.keys():
            del self._seen[name]
            self._remove(name)

    async def watch(self) -> None:
        """Load every file that changes; runs until it is cancelled."""
        while True:
            await asyncio.sleep(CHECK_S)
            try:
                await asyncio.to_thread(self.load)
            except Exception:  # noqa: BLE001 - the lexicons in use stay in use
                _log.exception("loading the lexicons failed unexpectedly")

    def _load(self, name: str, stamp: _Stamp) -> None:
        file, *others = stamp
        if others:
            self._fail(name, _same_name([one[0] for one in stamp]))
            return
        path = self._folder / file[0]
        try:
            lexicon = _read(path)
        except InvalidLexicon as error:
            self._fail(name, error.message.replace(str(path), path.name))
            return
        self._use(name, lexicon)
        if self._copies is not None:
            self._copies.keep(name, path, lambda: _stamp(path) == file)
        observe_lexicon_load("done")
        log = _log.info if lexicon.report.clean else _log.warning
        log("lexicon %s: %s", name, lexicon.report.summary())

    def _use(self, name: str, lexicon: Lexicon) -> None:
        self._lexicons.named[name] = lexicon
        self._status.set_loaded(name, lexicon)
        observe_lexicon(name, len(lexicon))
        if len(lexicon) > _LARGE:
            release_memory()

    def _remove(self, name: str) -> None:
        self._lexicons.named.pop(name, None)
        if self._copies is not None:
            self._copies.remove(name)
        self._status.remove(name)
        observe_lexicon(name, 0)
        _log.info("lexicon %s is removed", name)

    def _fail_all(self, reason: str) -> None:
        """Report once that the directory cannot be read. The lexicons in use stay in use."""
        if self._unreadable == reason:
            return
        self._unreadable = reason
        copied = [] if self._copies is None else self._copies.names()
        for name in dict.fromkeys((*self._lexicons.named, *self._default, *copied)):
            if name not in self._lexicons.named:
                self._use_copy(name)
            self._status.set_failed(name, f"the directory cannot be read: {reason}")
        observe_lexicon_load("failed")
        _log.error("the directory of the lexicons cannot be read: %s; the lexicons in use stay in use", reason)

    def _fail(self, name: str, reason: str) -> None:
        if name in self._lexicons.named:
            kept = "; the one loaded before stays in use"
        elif self._use_copy(name):
            kept = "; the one that this service loaded last is used"
        else:
            kept = ""
        if self._failures.get(name) == reason:
            # The file is tried again and again while the service needs it; the log has the failure once.
            return
        self._failures[name] = reason
        self._status.set_failed(name, reason)
        observe_lexicon_load("failed")
        _log.error("lexicon %s cannot be loaded: %s%s", name, reason, kept)

    def _use_copy(self, name: str) -> bool:
        """Load what a worker of this service loaded last under this name; return whether there is such a copy."""
        lexicon = None if self._copies is None else self._copies.load(name)
        if lexicon is not None:
            self._use(name, lexicon)
        return lexicon is not None

    def _stamps(self) -> dict[str, _Stamp]:
        stamps = {name: tuple(filter(None, map(_stamp, paths))) for name, paths in lexicon_files(self._folder).items()}
        return {name: stamp for name, stamp in stamps.items() if stamp}


class _Copies:
    """Copies of the files that the workers of a service loaded last, in a directory that they share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, path: Path, is_unchanged: Callable[[], bool]) -> None:
        """Copy a file that was loaded, unless it has changed since then or another worker has copied it."""
        try:
            content = path.read_bytes()
            with self._locked():
                if is_unchanged() and not _contains(self._folder / name, content):
                    write_atomically(self._folder / name, content)
        except OSError as error:
            _log.warning("lexicon %s cannot be copied for workers that start later: %s", name, error.strerror)

    def load(self, name: str) -> Lexicon | None:
        """Return the lexicon with this name, if there is a copy."""
        try:
            return Lexicon.from_file(self._folder / name)
        except InvalidLexicon:
            return None

    def remove(self, name: str) -> None:
        """Remove the copy of a lexicon."""
        with suppress(OSError):
            (self._folder / name).unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Return the names of the copies."""
        return sorted(path.name for path in self._folder.glob("[!.]*"))

    @contextmanager
    def _locked(self) -> Generator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _contains(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except FileNotFoundError:
        return False


def _stamp(path: Path) -> _FileStamp | None:
    """Return what identifies the contents of a file; None if the file does not exist."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError:
        # Such as a loop of links. Loading the file fails and reports the reason.
        return path.name, 0, 0, 0, 0
    return path.name, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def _read(path: Path) -> Lexicon:
    # `Lexicon.from_file` reports why the file cannot be examined.
    with suppress(OSError):
        if not S_ISREG(path.stat().st_mode):
            # Reading a named pipe or a device may never end.
            raise InvalidLexicon(f"{path} is not a regular file")
    return Lexicon.from_file(path)


def lexicon_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files of a directory that are lexicons, by name of the lexicon.

    Raises:
        OSError: the directory cannot be read.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES and not path.name.startswith("."):
            files.setdefault(path.stem, []).append(path)
    return files


def _same_name(files: Sequence[str]) -> str:
    return f"the files {' and '.join(files)} have the same lexicon name; remove or rename one"


def check_lexicons(folder: Path, default: Sequence[str]) -> None:
    """Check that every lexicon of a directory can be loaded, and that the default ones exist.

    Raises:
        SettingError: the directory cannot be read, or a default lexicon does not exist.
        InvalidLexicon: a file cannot be loaded, or two files have the same lexicon name.
    """
    try:
        files = lexicon_files(folder)
    except OSError as error:
        raise SettingError(f"RANER_LEXICONS is {folder}, which cannot be read: {error.strerror}") from None
    missing = [name for name in default if name not in files]
    if missing:
        known = ", ".join(files) or "none"
        raise SettingError(f"RANER_DEFAULT_LEXICONS names {missing[0]}; the lexicons in {folder} are: {known}")
    for paths in files.values():
        if len(paths) > 1:
            raise InvalidLexicon(f"RANER_LEXICONS is {folder}: {_same_name([path.name for path in paths])}")
        _read(paths[0])
