"""Read the lines of a text file with their numbers.

Files whose names end in `.gz` are decompressed; `-` is standard input.
"""

from __future__ import annotations

import codecs
import gzip
import sys
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from itertools import chain, count
from typing import cast

from ner_runtime.errors import InputError
from ner_runtime.text_files.encodings import UTF8, suggested_encoding

STDIN = "-"

Line = tuple[int, str]
"""The number of a line, from 1, and its text without the line end."""


class LineError(ValueError):
    """A line is not valid; `line` is its number."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


# Maximum number of bytes per read. A pipe may return fewer.
_BLOCK = 65_536


def read_lines(path: str, encoding: str = UTF8) -> Iterator[Line]:
    """Read the lines of a file.

    Raises:
        InputError: the file cannot be read, or a line is not in the encoding; the message names the line.
    """
    return chain.from_iterable(read_line_batches(path, encoding))


def read_line_batches(path: str, encoding: str = UTF8) -> Iterator[list[Line]]:
    """Read the lines of a file in batches: each holds the lines that are available without waiting for more input.

    The lines before an invalid line are returned before the error is raised.

    Raises:
        InputError: see `read_lines`.
    """
    numbers = count(1)
    decoder = _Decoder(encoding)
    with _opened(path) as file:
        try:
            while not decoder.failed and (block := file.read1(_BLOCK)):
                if lines := decoder.lines(block):
                    yield [(next(numbers), line) for line in lines]
            if lines := decoder.last_lines():
                yield [(next(numbers), line) for line in lines]
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path} cannot be read: {error}") from None
    if decoder.failed:
        raise InputError(f"{path}, line {next(numbers)}: {decoder.failed}")


class _Decoder:
    """Decodes blocks of bytes into whole lines, up to the first byte that is not valid in the encoding."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._start: list[str] = []
        self._first = True
        self.failed = ""
        """Why the bytes could not be decoded; empty if there was no error."""

    def lines(self, block: bytes) -> list[str]:
        """Decode a block, and return the lines that end in it."""
        *whole, last = self._decode(block).split("\n")
        if whole:
            whole[0] = "".join([*self._start, whole[0]])
            self._start.clear()
        self._start.append(last)
        return [line.rstrip("\r") for line in whole]

    def last_lines(self) -> list[str]:
        """Return the line after the last line end; an empty list if this line is empty or not valid."""
        text = "".join([*self._start, self._decode(b"", final=True)])
        return [text.rstrip("\r")] if text and not self.failed else []

    def _decode(self, block: bytes, *, final: bool = False) -> str:
        if self.failed:
            return ""
        state = self._decoder.getstate()
        try:
            text = self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            self.failed = self._reason(error.object)
            # `error.start` counts from the first byte that the decoder kept from the previous block.
            valid = max(0, error.start - (len(error.object) - len(block)))
            self._decoder.setstate(state)
            text = self._decoder.decode(block[:valid])
        except UnicodeError as error:
            # UTF-16 or UTF-32 without a byte order mark.
            self.failed = f"not {self._encoding}: {error}"
            text = ""
        if self._first and text:
            self._first = False
            text = text.removeprefix("\ufeff")
        return text

    def _reason(self, sample: bytes) -> str:
        if codecs.lookup(self._encoding).name != UTF8:
            return f"not {self._encoding}"
        suggestion = suggested_encoding(sample)
        return f"not UTF-8; it looks like {suggestion}: use --encoding {suggestion}" if suggestion else "not UTF-8"


@contextmanager
def _opened(path: str) -> Generator[BufferedIOBase]:
    if path == STDIN:
        if sys.stdin is None:
            raise InputError("the standard input is closed")
        yield cast("BufferedIOBase", sys.stdin.buffer)
        return
    try:
        file = gzip.GzipFile(path) if path.endswith(".gz") else open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    with file:
        yield file
