"""Read a lexicon file: tab-separated values or JSON lines, in UTF-8.

    text<TAB>type[<TAB>mode[<TAB>weight]]
    {"text": …, "type": …, "mode"?: …, "weight"?: …, "left"?: …, "right"?: …, "color"?: …}

A line that begins with `{` is JSON. Empty lines and lines that begin with `#` are skipped. A byte order mark and CRLF
are accepted.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import cast

from ner_runtime.errors import InvalidLexicon, MalformedRequest
from ner_runtime.json import from_json
from ner_runtime.lexicon.user.entries import MAX_TEXT, Entry, Mode, checked, entry_from
from ner_runtime.lexicon.user.report import LexiconReport

MAX_FILE_BYTES = 256 * 1024 * 1024
_COLUMNS = "text<TAB>type[<TAB>mode[<TAB>weight]]"

Specification = tuple[str, Mode, float | None, str, str, str | None]
"""The fields of an entry without its text: type, mode, weight, left, right, color."""


class EntryColumns:
    """Entries in columns, which take a fifth of the memory of `Entry` objects."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.lines = array("I")
        """The line number of each entry."""
        self.specifications: list[Specification] = []
        """The distinct specifications."""
        self._indices: dict[Specification, int] = {}
        self.specification_of = array("I")
        """The index of the specification of each entry."""

    def add(self, line: int, text: str, specification: int) -> None:
        """Add an entry that has been checked; `specification` is the index of its specification."""
        self.texts.append(text)
        self.lines.append(line)
        self.specification_of.append(specification)

    def index(self, specification: Specification) -> int:
        """Return the index of a specification; the same specification always has the same one."""
        index = self._indices.get(specification)
        if index is None:
            index = self._indices[specification] = len(self.specifications)
            self.specifications.append(specification)
        return index


class InvalidEntry(ValueError):
    """An entry has a value that is not allowed; `number` is its position, from 1."""

    def __init__(self, number: int, fault: str) -> None:
        super().__init__(f"entry {number}: {fault}")
        self.number = number
        self.fault = fault


def columns_of(entries: Iterable[tuple[str, Specification]]) -> EntryColumns:
    """Check entries, each a text and its other fields, and put them into columns, numbered from 1.

    Raises:
        InvalidEntry: an entry has a value that is not allowed.
    """
    columns = EntryColumns()
    valid: dict[Specification, int] = {}
    for number, (text, given) in enumerate(entries, 1):
        # Most entries differ in their text only.
        known = valid.get(given)
        if known is not None and _is_plain(text):
            columns.add(number, text, known)
            continue
        try:
            entry = checked(Entry(text, *given))
        except ValueError as error:
            raise InvalidEntry(number, str(error)) from None
        valid[given] = specification = columns.index(specification_of(entry))
        columns.add(number, entry.text, specification)
    return columns


def read_columns(path: Path, report: LexiconReport) -> EntryColumns:
    """Read a lexicon file, and add its bad lines to the report.

    Raises:
        InvalidLexicon: the file cannot be read, is not UTF-8, or is too large.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InvalidLexicon(f"{path} has more than {MAX_FILE_BYTES >> 20} MB")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidLexicon(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InvalidLexicon(f"{path} is not UTF-8: byte {error.start} cannot be decoded") from None
    columns = EntryColumns()
    simple: dict[str, int] = {}
    for number, ended in enumerate(StringIO(text, newline="\n"), 1):
        line = ended.rstrip("\r\n")
        name, _, rest = line.partition("\t")
        # Most lines of a large file differ in their text only.
        known = simple.get(rest)
        if known is not None and _is_plain(name):
            columns.add(number, name, known)
            continue
        if not line.strip() or line.startswith("#"):
            continue
        try:
            entry = _entry(line)
        except ValueError as error:
            report.bad.append((number, str(error)))
            continue
        specification = columns.index(specification_of(entry))
        if not line.lstrip().startswith("{"):
            simple[rest] = specification
        columns.add(number, entry.text, specification)
    return columns


def _is_plain(name: str) -> bool:
    return bool(name) and len(name) <= MAX_TEXT and name.isprintable() and name[0] not in "#{ " and name[-1] != " "


def _entry(line: str) -> Entry:
    if line.lstrip().startswith("{"):
        try:
            value = from_json(line.encode("utf-8", "surrogatepass"))
        except MalformedRequest as error:
            raise ValueError(error.message.replace(" at line 1, column", " at column")) from None
        return entry_from(value)
    fields = line.split("\t")
    if not 2 <= len(fields) <= 4:
        raise ValueError(f"has {len(fields)} columns; expected: {_COLUMNS}")
    text, type_, mode, weight = [*(field.strip() for field in fields), "", ""][:4]
    try:
        number = float(weight) if weight else None
    except ValueError:
        raise ValueError("weight: should be a number") from None
    return checked(Entry(text, type_, cast("Mode", mode or "prefer"), number))


def specification_of(entry: Entry) -> Specification:
    """Return the fields of an entry without its text."""
    return entry.type, entry.mode, entry.weight, entry.left, entry.right, entry.color
