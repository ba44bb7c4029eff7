"""Keep the lexicons of a worker up to date, also while files cannot be used."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ner_runtime.atomic_files import write_atomically
from ner_runtime.errors import InvalidLexicon
from ner_runtime.serving.answering.lexicons import Lexicons
from ner_runtime.serving.api.errors import NotReady
from ner_runtime.serving.api.lexicon_status import LexiconStatus
from ner_runtime.serving.api.requests import NerRequest
from ner_runtime.serving.lifecycle.heartbeat import RUN_DIR
from ner_runtime.serving.lifecycle.lexicon_folder import LexiconFolder, check_lexicons

pytestmark = pytest.mark.anyio

READ = "the directory cannot be read: No such file or directory"


@dataclass(frozen=True)
class Lexical:
    """The lexicons of a worker. `events` is the default."""

    lexicons: Lexicons
    status: LexiconStatus
    folder: LexiconFolder

    def entries(self) -> dict[str, int]:
        return {name: len(lexicon) for name, lexicon in self.lexicons.named.items()}

    def errors(self) -> dict[str, str | None]:
        return {item.name: item.error for item in self.status.items()}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with two lexicons. The workers share a run directory."""
    monkeypatch.setenv(RUN_DIR, str(tmp_path / "run"))
    write(tmp_path / "files", "events.tsv", "开会\tEVENT\n会议\tEVENT")
    write(tmp_path / "files", "firms.tsv", "公司\tFIRM")
    return tmp_path / "files"


def write(folder: Path, name: str, content: str) -> None:
    write_atomically(folder / name, content.encode())


def worker(files: Path) -> Lexical:
    """A worker that has just started."""
    lexicons, status = Lexicons(["events"]), LexiconStatus()
    folder = LexiconFolder(files, ["events"], lexicons, status)
    folder.load()
    return Lexical(lexicons, status, folder)


def test_a_new_worker_loads_what_the_others_loaded_if_a_file_is_bad(files: Path) -> None:
    first = worker(files)
    write(files, "events.tsv", "no tab")
    first.folder.load()
    second = worker(files)
    assert first.entries() == second.entries() == {"events": 2, "firms": 1}
    assert second.folder.ready
    assert (second.errors()["events"] or "").startswith("events.tsv has no valid entry; line 1")
    write(files, "events.tsv", "开会\tEVENT")
    second.folder.load()
    assert second.entries() == {"events": 1, "firms": 1}
    assert second.errors() == {"events": None, "firms": None}


def test_a_file_that_cannot_be_examined_does_not_affect_the_others(files: Path) -> None:
    running = worker(files)
    (files / "loop.tsv").symlink_to("loop.tsv")
    write(files, "more.tsv", "展会\tEVENT")
    running.folder.load()
    assert running.entries() == {"events": 2, "firms": 1, "more": 1}
    assert "Too many levels of symbolic links" in (running.errors()["loop"] or "")
    (files / "loop.tsv").unlink()
    running.folder.load()
    assert not any(running.errors().values())


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_named_pipe_or_a_directory_is_not_read(files: Path, make: Callable[[Path], None]) -> None:
    running = worker(files)
    make(files / "pipe.tsv")
    running.folder.load()
    assert running.errors() == {"events": None, "firms": None, "pipe": "pipe.tsv is not a regular file"}
    with pytest.raises(InvalidLexicon, match=r"pipe\.tsv is not a regular file"):
        check_lexicons(files, [])


def test_a_new_worker_loads_what_the_others_loaded_if_a_default_lexicon_is_removed(files: Path) -> None:
    worker(files)
    (files / "events.tsv").unlink()
    (files / "firms.tsv").unlink()
    second = worker(files)
    assert second.entries() == {"events": 2}
    assert second.errors() == {"events": "the file was removed"}


async def test_without_a_copy_requests_that_use_the_lexicon_are_refused_until_it_can_be_loaded(files: Path) -> None:
    write(files, "events.tsv", "no tab")
    only = worker(files)
    assert not only.folder.ready
    for named in (None, ["events"]):
        with pytest.raises(NotReady, match=r"^the lexicon 'events' cannot be loaded; GET /model and the log have"):
            await only.lexicons.of(NerRequest(text="开会", lexicons=named))
    assert await only.lexicons.of(NerRequest(text="开会", lexicons=[])) is None
    assert await only.lexicons.of(NerRequest(text="公司", lexicons=["firms"])) is not None
    write(files, "events.tsv", "开会\tEVENT")
    only.folder.load()
    assert only.folder.ready
    assert await only.lexicons.of(NerRequest(text="开会")) is not None


def test_one_worker_copies_a_file_for_all(files: Path) -> None:
    worker(files)
    copies = files.parent / "run" / "lexicons"
    written = {path.name: path.stat().st_ino for path in copies.iterdir()}
    assert written.keys() == {"events", "firms"}
    worker(files)
    assert {path.name: path.stat().st_ino for path in copies.iterdir()} == written
    write(files, "events.tsv", "开会\tEVENT\n会晤\tEVENT")
    worker(files)
    assert (copies / "events").read_bytes() == (files / "events.tsv").read_bytes()


def test_a_file_that_changes_while_it_is_loaded_is_not_copied(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_bytes = Path.read_bytes

    def change_after_reading(path: Path) -> bytes:
        content = read_bytes(path)
        if path == files / "events.tsv":
            path.write_bytes(b"bad")
        return content

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", change_after_reading)
        assert worker(files).entries() == {"events": 2, "firms": 1}
    assert worker(files).entries() == {"firms": 1}


def test_a_directory_that_cannot_be_read_is_reported_once(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = worker(files)
    hidden = files.with_name("hidden")
    files.rename(hidden)
    with caplog.at_level(logging.ERROR, "raner.lexicons"):
        for _ in range(3):
            first.folder.load()
    assert [record.getMessage() for record in caplog.records] == [
        "the directory of the lexicons cannot be read: No such file or directory; the lexicons in use stay in use"
    ]
    second = worker(files)
    assert first.entries() == second.entries() == {"events": 2, "firms": 1}
    assert first.errors() == second.errors() == {"events": READ, "firms": READ}
    (hidden / "firms.tsv").unlink()
    hidden.rename(files)
    for one in (first, second):
        one.folder.load()
        assert one.entries() == {"events": 2}
        assert one.errors() == {"events": None}


def test_two_files_with_the_same_lexicon_name_are_reported_once(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = worker(files)
    write(files, "events.jsonl", '{"text": "会谈", "type": "EVENT"}')
    reason = "the files events.jsonl and events.tsv have the same lexicon name; remove or rename one"
    with caplog.at_level(logging.ERROR, "raner.lexicons"):
        for _ in range(3):
            first.folder.load()
    second = worker(files)
    assert first.entries() == second.entries() == {"events": 2, "firms": 1}
    assert first.errors() == second.errors() == {"events": reason, "firms": None}
    (files / "events.tsv").unlink()
    first.folder.load()
    assert first.entries() == {"events": 1, "firms": 1}
    assert first.errors() == {"events": None, "firms": None}
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        f"lexicon events cannot be loaded: {reason}; the one loaded before stays in use",
        f"lexicon events cannot be loaded: {reason}; the one that this service loaded last is used",
    ]


def test_the_service_does_not_start_with_two_files_of_the_same_lexicon_name(files: Path) -> None:
    write(files, "events.jsonl", '{"text": "会谈", "type": "EVENT"}')
    with pytest.raises(InvalidLexicon, match=r"the files events\.jsonl and events\.tsv have the same lexicon name"):
        check_lexicons(files, ["events"])


def test_a_missing_default_lexicon_is_reported_once(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    (files / "events.tsv").unlink()
    only = worker(files)
    only.folder.load()
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "lexicon events cannot be loaded: the file was removed"
    ]
    assert not only.folder.ready
