"""Lines: texts in files, one a line, plain or as JSON, and the same on the way out.

A JSON line is `{"text": …, "entities": [{"type", "span", "start", "end", "score"}]}`, of which `entities`, `span` and
`score` are optional when read; offsets are code points, end exclusive. A line that is not a JSON object with a `text`
is a plain text. Files that end in `.gz` are compressed; `-` is the standard input.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import chain, count, islice
from typing import Any, TypeVar, cast

from ner_runtime.entities import Entity
from ner_runtime.errors import InputError, MalformedRequest
from ner_runtime.json import from_json, to_json

STDIN = "-"

# Bytes at once; a pipe gives as much at most.
_BLOCK = 65_536

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotated name: its type and its code points, end exclusive."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """An annotated text."""

    text: str
    spans: tuple[Annotation, ...]


def read_texts(path: str) -> Iterator[list[str]]:
    """The text of each line, in order, in lists of what came together, so that nobody waits for lines yet to come.

    An empty line is an empty text.

    Raises:
        InputError: the file cannot be read, or a line is not UTF-8.
    """
    for arrived in _arrivals(path):
        texts = [(_json_text(line), line) for _, line in arrived]
        yield [line if text is None else text for text, line in texts]


def read_sentences(path: str) -> Iterator[Sentence]:
    """The annotated text of each line; empty lines are passed over.

    Raises:
        InputError: the file cannot be read, or a line does not hold what it should; the message names the line.
    """
    for number, line in _lines(path):
        if line.strip():
            try:
                yield _sentence(from_json(line.encode("utf-8", "surrogatepass")))
            except (MalformedRequest, ValueError) as error:
                raise InputError(f"{path}, line {number}: {error}") from None


def entity_line(text: str, entities: Sequence[Entity]) -> bytes:
    """A JSON line, without its line end."""
    items = [
        {"type": e.type, "span": e.span, "start": e.start, "end": e.end, "score": round(e.score, 6)} for e in entities
    ]
    return to_json({"text": text, "entities": items})


def chunked(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The items in lists of `size`, the last one shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _lines(path: str) -> Iterator[tuple[int, str]]:
    return chain.from_iterable(_arrivals(path))


def _arrivals(path: str) -> Iterator[list[tuple[int, str]]]:
    """Lines with their numbers, those together that came together. Where one is wrong, those before it come first."""
    numbers = count(1)
    with _opened(path) as file:
        try:
            for arrived in _split(file):
                lines: list[tuple[int, str]] = []
                for raw in arrived:
                    number = next(numbers)
                    try:
                        lines.append((number, raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")))
                    except UnicodeDecodeError:
                        yield lines
                        raise InputError(f"{path}, line {number}: not UTF-8") from None
                yield lines
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path} cannot be read: {error}") from None


def _split(file: BufferedIOBase) -> Iterator[list[bytes]]:
    """The whole lines of each block that can be had without waiting for more; what the last one begins, by and by."""
    begun: list[bytes] = []
    while block := file.read1(_BLOCK):
        *whole, last = block.split(b"\n")
        if whole:
            whole[0] = b"".join([*begun, whole[0]])
            begun.clear()
            yield whole
        begun.append(last)
    if any(begun):
        yield [b"".join(begun)]


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


def _json_text(line: str) -> str | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = from_json(line.encode())
    except MalformedRequest:
        return None
    text = value.get("text")
    return text if isinstance(text, str) else None


def _sentence(value: Any) -> Sentence:
    if not isinstance(value, dict) or not isinstance(text := value.get("text"), str):
        raise ValueError('not a JSON object with a "text"')
    entities: Any = value.get("entities", [])
    if not isinstance(entities, list):
        raise ValueError('"entities" is not a list')
    return Sentence(text, tuple(_span(text, entity) for entity in cast("list[Any]", entities)))


def _span(text: str, value: Any) -> Annotation:
    if not isinstance(value, dict):
        raise ValueError("an entity is not an object")
    type_, start, end = (value.get(name) for name in ("type", "start", "end"))
    if not isinstance(type_, str) or type(start) is not int or type(end) is not int:
        raise ValueError('an entity needs a "type", a "start" and an "end"')
    if not 0 <= start < end <= len(text):
        raise ValueError(f"an entity from {start} to {end} does not lie in a text of {len(text)} characters")
    if "span" in value and value["span"] != text[start:end]:
        raise ValueError(f'the "span" of an entity is not the text from {start} to {end}')
    return Annotation(type_, start, end)
