"""Lines of files: numbers, compression, encodings, and input that arrives in parts."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.errors import InputError
from ner_runtime.text_files.lines import read_line_batches, read_lines

TEXT = "昨天，张伟在北京大学参加了会议。\n李娜在上海的公司工作。\n"


def write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_lines_in_any_encoding(tmp_path: Path, encoding: str, line_end: str) -> None:
    path = write(tmp_path / "in.txt", TEXT.replace("\n", line_end).encode(encoding))
    assert list(read_lines(path, encoding)) == list(enumerate(TEXT.splitlines(), start=1))


def test_byte_order_mark_is_not_text(tmp_path: Path) -> None:
    assert list(read_lines(write(tmp_path / "in.txt", "\ufeff张伟\n\ufeff李娜".encode()))) == [
        (1, "张伟"),
        (2, "\ufeff李娜"),
    ]


def test_compressed_file(tmp_path: Path) -> None:
    path = write(tmp_path / "in.txt.gz", gzip.compress(TEXT.encode("gb18030")))
    assert [line for _, line in read_lines(path, "gb18030")] == TEXT.splitlines()


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("gb18030", "line 1: not UTF-8; it looks like gb18030: use --encoding gb18030"),
        ("utf-16", "line 1: not UTF-8; it looks like utf-16: use --encoding utf-16"),
    ],
)
def test_error_suggests_the_encoding(tmp_path: Path, encoding: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(read_lines(write(tmp_path / "in.txt", TEXT.encode(encoding))))


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"fine\n\xff\xff\n", "utf-8", "line 2: not UTF-8$"),
        (b"fine\nfine\n\xe5\xbc", "utf-8", "line 3: not UTF-8$"),
        ("张伟\n李娜\n".encode() + b"\xff\n", "gb18030", "line 3: not gb18030$"),
        ("张伟\n".encode(), "utf-16", "line 1: not utf-16: UTF-16 stream does not start with BOM$"),
        ("张伟\n".encode("utf-32-le"), "utf-32", "line 1: not utf-32: UTF-32 stream does not start with BOM$"),
        ("张伟\n".encode("utf-16-le") + b"\x20", "utf-16-le", "line 2: not utf-16-le$"),
    ],
)
def test_invalid_line_is_named(tmp_path: Path, content: bytes, encoding: str, message: str) -> None:
    lines = read_lines(write(tmp_path / "in.txt", content), encoding)
    with pytest.raises(InputError, match=message):
        list(lines)


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n\ufeff", codec="utf-8"))),
    st.integers(1, 9),
    st.sampled_from(["utf-8", "gb18030", "utf-16", "utf-16-be"]),
)
def test_lines_are_whole_wherever_blocks_end(lines: list[str], block: int, encoding: str) -> None:
    written = "".join(f"{line}\n" for line in lines).encode(encoding)
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(written)))  # pyright: ignore[reportArgumentType]
    with patch("sys.stdin", stdin), patch("ner_runtime.text_files.lines._BLOCK", block):
        assert list(read_lines("-", encoding)) == list(enumerate(lines, start=1))


@given(st.lists(st.sampled_from(["张伟", "a", "😀", ""]), max_size=6), st.integers(1, 9))
def test_valid_lines_come_before_the_error(lines: list[str], block: int) -> None:
    written = "".join(f"{line}\n" for line in lines).encode() + b"\xff\nnever"
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(written)))  # pyright: ignore[reportArgumentType]
    found: list[tuple[int, str]] = []
    with (
        patch("sys.stdin", stdin),
        patch("ner_runtime.text_files.lines._BLOCK", block),
        pytest.raises(InputError, match=f"line {len(lines) + 1}: not UTF-8"),
    ):
        found.extend(line for batch in read_line_batches("-") for line in batch)
    assert found == list(enumerate(lines, start=1))


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.txt cannot be read: No such file"):
        list(read_lines(str(tmp_path / "nowhere.txt")))
    with pytest.raises(InputError, match="cannot be read: Not a gzipped file"):
        list(read_lines(write(tmp_path / "in.gz", b"plain")))
    packed = bytearray(gzip.compress("马云\n".encode() * 9))
    packed[10] ^= 0xFF
    with pytest.raises(InputError, match=r"damaged\.gz cannot be read"):
        list(read_lines(write(tmp_path / "damaged.gz", bytes(packed))))
