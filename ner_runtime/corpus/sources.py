"""Find the input files, and read their records in shards.

The formats are JSON Lines (`.jsonl`, `.ndjson`), plain text with one record per line (`.txt`), CSV (`.csv`, `.tsv`) and
Parquet (`.parquet`). All formats except Parquet can be compressed (`.gz`, `.zst`).
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from ner_runtime.corpus.plan import Plan
from ner_runtime.errors import InputError, MissingExtra

KINDS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".txt": "txt",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
COMPRESSED = (".gz", ".zst")
MAX_LINE_BYTES = 64 * 1024 * 1024
_PARQUET_ROWS = 512
_BLOCK = 65_536

# Key for the extra values of a CSV row that is longer than the header. No header contains this name.
LONGER = "\0"

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read: a raw line, or the fields of a row. `number` counts lines, or rows, from 1."""

    number: int
    content: bytes | Fields


@dataclass(frozen=True, slots=True)
class Shard:
    """Consecutive records of one file.

    Attributes:
        name: unique in a run; shards sorted by name are in the order of the input
        source: the file, relative to the input
        kind: the file's kind, `jsonl`, `txt`, `csv` or `parquet`
        records: its records
        position: number of bytes of the file read so far
    """

    name: str
    source: str
    kind: str
    records: list[Record]
    position: int


@dataclass(frozen=True, slots=True)
class Source:
    """An input file. `index` is its place among the files, sorted by name."""

    index: int
    path: Path
    name: str
    kind: str
    size: int


def find_sources(path: Path) -> list[Source]:
    """Return the input files: the file itself, or all files of a directory, sorted by name.

    Files and directories whose name begins with a dot or an underscore are skipped.

    Raises:
        InputError: the path does not exist, a file is of an unknown kind, or the directory has no files.
    """
    if path.is_dir():
        found = sorted(one for one in path.rglob("*") if one.is_file() and not _hidden(one.relative_to(path)))
        names = [one.relative_to(path).as_posix() for one in found]
    else:
        found, names = [path], [path.name]
    if not found:
        raise InputError(f"{path} holds no file")
    return [_source(index, one, name) for index, (one, name) in enumerate(zip(found, names, strict=True))]


def check_apart(path: Path, output: Path) -> None:
    """Check that the input does not include the output directory, which a later or resumed run would read as input.

    Raises:
        InputError: the output lies in the input.
    """
    path, output = path.resolve(), output.resolve()
    if path.is_dir() and output.is_relative_to(path) and not _hidden(output.relative_to(path)):
        raise InputError(f"the output {output} lies in the input {path}; choose a directory outside it")


def check_names(path: Path, names: Sequence[str]) -> None:
    """Check that no two columns have the same name: a record could keep only one of them.

    Raises:
        InputError: a name occurs twice.
    """
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(f"{path}: two columns have the name {repeated[0]!r}")


def read_shards(source: Source, plan: Plan) -> Iterator[Shard]:
    """Read the shards of a file in order, one at a time.

    Raises:
        InputError: the file cannot be read completely.
    """
    try:
        with source.path.open("rb") as file:
            yield from _cut(source, _records(source, file), file, plan)
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise InputError(f"{source.path} cannot be read: {error}") from None


def _cut(source: Source, records: Iterable[Record], file: BinaryIO, plan: Plan) -> Iterator[Shard]:
    index, size = 0, 0
    taken: list[Record] = []
    for record in records:
        taken.append(record)
        size += _bytes(record.content)
        if len(taken) >= plan.shard_records or size >= plan.shard_bytes:
            yield Shard(f"{source.index:05d}-{index:06d}", source.name, source.kind, taken, file.tell())
            index, size, taken = index + 1, 0, []
    if taken:
        yield Shard(f"{source.index:05d}-{index:06d}", source.name, source.kind, taken, file.tell())


def _records(source: Source, file: BinaryIO) -> Iterator[Record]:
    if source.kind == "parquet":
        return _parquet_rows(source.path, file)
    stream = _decompressed(source.path, file)
    return _csv_rows(stream, source) if source.kind == "csv" else _lines(stream)


def _lines(stream: io.BufferedIOBase) -> Iterator[Record]:
    number = 0
    while line := stream.readline(MAX_LINE_BYTES):
        number += 1
        content = line
        while not line.endswith(b"\n") and len(line) == MAX_LINE_BYTES:
            # The line is too long: keep its beginning for the message, and skip the rest.
            line = stream.readline(MAX_LINE_BYTES)
        if content.strip():
            yield Record(number, content)


def _csv_rows(stream: io.BufferedIOBase, source: Source) -> Iterator[Record]:
    csv.field_size_limit(MAX_LINE_BYTES)
    delimiter = "\t" if ".tsv" in source.path.suffixes else ","
    # Bytes that are not UTF-8 become lone surrogates; the annotator rejects rows that contain them.
    text = io.TextIOWrapper(cast("BinaryIO", stream), encoding="utf-8-sig", errors="surrogateescape", newline="")
    rows = csv.DictReader(text, delimiter=delimiter, restkey=LONGER)
    try:
        check_names(source.path, rows.fieldnames or ())
        for row in rows:
            yield Record(rows.line_num, cast("Fields", row))
    finally:
        # The caller closes the file.
        text.detach()


def _parquet_rows(path: Path, file: BinaryIO) -> Iterator[Record]:
    parquet = parquet_module()
    from pyarrow import ArrowException

    try:
        batches = parquet.ParquetFile(file).iter_batches(batch_size=_PARQUET_ROWS)
        number = 0
        for batch in batches:
            for row in batch.to_pylist():
                number += 1
                yield Record(number, row)
    # Also strings that are not UTF-8, and dates that Python does not have.
    except (ArrowException, ValueError, OverflowError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def parquet_module() -> Any:
    """Import and return `pyarrow.parquet`.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise MissingExtra("Parquet needs the extra bulk: pip install 'ner_runtime[bulk]'") from None
    return parquet


def zstandard_module() -> Any:
    """Import and return `zstandard`.

    Raises:
        MissingExtra: zstandard is not installed.
    """
    try:
        import zstandard
    except ImportError:
        raise MissingExtra(".zst needs the extra bulk: pip install 'ner_runtime[bulk]'") from None
    return zstandard


def _decompressed(path: Path, file: BinaryIO) -> io.BufferedIOBase:
    if path.suffix == ".gz":
        return gzip.GzipFile(fileobj=file)
    if path.suffix == ".zst":
        return io.BufferedReader(_ZstdFrames(file), _BLOCK)
    return cast("io.BufferedIOBase", file)


class _ZstdFrames(io.RawIOBase):
    """Decompresses Zstandard frames. Unlike zstandard's reader, it raises an error if the last frame is incomplete."""

    def __init__(self, file: BinaryIO) -> None:
        self._zstandard = zstandard_module()
        self._file = file
        self._frame: Any = None
        self._input = b""
        self._output = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._output:
            self._input = self._input or self._file.read(_BLOCK)
            if not self._input:
                if self._frame is not None:
                    raise EOFError("the compressed data end in the middle of a frame")
                return 0
            self._frame = self._frame or self._zstandard.ZstdDecompressor().decompressobj()
            try:
                self._output = self._frame.decompress(self._input)
            except self._zstandard.ZstdError as error:
                raise OSError(str(error)) from None
            self._input = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
        size = min(len(buffer), len(self._output))
        buffer[:size] = self._output[:size]
        self._output = self._output[size:]
        return size


def _source(index: int, path: Path, name: str) -> Source:
    suffixes = [suffix for suffix in path.suffixes if suffix not in COMPRESSED]
    suffix = suffixes[-1] if suffixes else ""
    kind = KINDS.get(suffix)
    if kind is None:
        raise InputError(f"{path}: unknown kind of file; known: {' '.join(KINDS)}, and .gz and .zst after them")
    try:
        return Source(index, path, name, kind, path.stat().st_size)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _bytes(content: bytes | Fields) -> int:
    if isinstance(content, bytes):
        return len(content)
    return sum(len(value) * 3 if isinstance(value, str) else sys.getsizeof(value) for value in content.values())
