"""Load the lexicons of a directory, and load a file again when it changes.

Each file `NAME.tsv` or `NAME.jsonl` is the lexicon NAME. If a changed file cannot be used, the lexicon that was loaded
before stays in use, and `/model`, the log and a metric report the reason. A lexicon whose file is removed is removed,
unless requests use it by default.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from ner_runtime.errors import InvalidLexicon, SettingError
from ner_runtime.lexicon.user.lexicon import Lexicon
from ner_runtime.serving.answering.lexicons import Lexicons
from ner_runtime.serving.answering.memory import release_memory
from ner_runtime.serving.api.lexicon_status import LexiconStatus
from ner_runtime.serving.telemetry.metrics import observe_lexicon, observe_lexicon_load

CHECK_S = 1.0
"""How often a worker checks whether a file has changed."""
SUFFIXES = (".tsv", ".jsonl")

# Loading a larger lexicon leaves so much free memory that it is worth returning.
_LARGE = 10_000

_Stamp = tuple[str, int, int, int]
"""File name, inode, modification time and size."""

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
        self._seen: dict[str, _Stamp] = {}

    def load(self) -> None:
        """Load every file that has changed."""
        try:
            stamps = self._stamps()
        except OSError as error:
            _log.error("the directory of the lexicons cannot be read: %s", error.strerror)
            return
        for name, stamp in stamps.items():
            if self._seen.get(name) != stamp:
                self._seen[name] = stamp
                self._load(name, stamp[0])
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

    def _load(self, name: str, file: str) -> None:
        try:
            lexicon = Lexicon.from_file(self._folder / file)
        except InvalidLexicon as error:
            self._fail(name, error.message.replace(str(self._folder / file), file))
            return
        self._lexicons.named[name] = lexicon
        self._status.set_loaded(name, lexicon)
        observe_lexicon(name, len(lexicon))
        observe_lexicon_load("done")
        log = _log.info if lexicon.report.clean else _log.warning
        log("lexicon %s: %s", name, lexicon.report.summary())
        if len(lexicon) > _LARGE:
            release_memory()

    def _remove(self, name: str) -> None:
        if name in self._default:
            self._fail(name, "the file was removed")
            return
        self._lexicons.named.pop(name, None)
        self._status.remove(name)
        observe_lexicon(name, 0)
        _log.info("lexicon %s is removed", name)

    def _fail(self, name: str, reason: str) -> None:
        self._status.set_failed(name, reason)
        observe_lexicon_load("failed")
        kept = "; the one loaded before stays in use" if name in self._lexicons.named else ""
        _log.error("lexicon %s cannot be loaded: %s%s", name, reason, kept)

    def _stamps(self) -> dict[str, _Stamp]:
        files = lexicon_files(self._folder)
        found: dict[str, _Stamp] = {}
        for name, path in files.items():
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            found[name] = (path.name, status.st_ino, status.st_mtime_ns, status.st_size)
        return found


def lexicon_files(folder: Path) -> dict[str, Path]:
    """Return the files of a directory that are lexicons, by name. Of two files with one name, the first counts.

    Raises:
        OSError: the directory cannot be read.
    """
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES and not path.name.startswith("."):
            files.setdefault(path.stem, path)
    return files


def check_lexicons(folder: Path, default: Sequence[str]) -> None:
    """Check that every lexicon of a directory can be loaded, and that the default ones exist.

    Raises:
        SettingError: the directory cannot be read, or a default lexicon does not exist.
        InvalidLexicon: a file cannot be loaded.
    """
    try:
        files = lexicon_files(folder)
    except OSError as error:
        raise SettingError(f"RANER_LEXICONS is {folder}, which cannot be read: {error.strerror}") from None
    missing = [name for name in default if name not in files]
    if missing:
        known = ", ".join(files) or "none"
        raise SettingError(f"RANER_DEFAULT_LEXICONS names {missing[0]}; the lexicons in {folder} are: {known}")
    for path in files.values():
        Lexicon.from_file(path)
