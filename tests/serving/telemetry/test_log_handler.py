from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator
from typing import TextIO

import pytest

from ner_runtime.serving.telemetry.log_handler import MAX_LINES, BufferedLogHandler


class Pipe:
    """A stream whose reader reads nothing before `read_in_background` is called."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        self.reader: TextIO = os.fdopen(reading, encoding="utf-8")
        self.writer: TextIO = os.fdopen(writing, "w", encoding="utf-8")

    def read_in_background(self) -> None:
        self._lines: list[str] = []
        self._thread = threading.Thread(target=lambda: self._lines.extend(self.reader))
        self._thread.start()

    def lines(self) -> list[str]:
        self.writer.close()
        self._thread.join()
        return self._lines


@pytest.fixture
def pipe() -> Generator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.reader.close()


def record(message: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("raner", level, "file", 0, message, (), None)


def test_flush_writes_the_lines_in_order(pipe: Pipe) -> None:
    handler = BufferedLogHandler(pipe.writer)
    for number in range(100):
        handler.handle(record(str(number)))
    handler.flush()
    pipe.read_in_background()
    assert pipe.lines() == [f"{number}\n" for number in range(100)]


@pytest.mark.parametrize("level", [logging.INFO, logging.ERROR])
def test_lines_are_written_without_a_flush(pipe: Pipe, level: int) -> None:
    handler = BufferedLogHandler(pipe.writer)
    handler.handle(record("a line", level))
    assert pipe.reader.readline() == "a line\n"


def test_a_blocked_stream_blocks_nothing_and_lines_beyond_the_limit_are_counted(pipe: Pipe) -> None:
    handler = BufferedLogHandler(pipe.writer)
    long_line = "x" * 1000
    for _ in range(3 * MAX_LINES):
        handler.handle(record(long_line))
    pipe.read_in_background()
    handler.flush()
    handler.handle(record("the last line"))
    handler.flush()
    lines = pipe.lines()
    assert len(lines) < 3 * MAX_LINES
    assert any(line.endswith("log lines were dropped because standard error was blocked\n") for line in lines)
    assert lines[-1] == "the last line\n"
