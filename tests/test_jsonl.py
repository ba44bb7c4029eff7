import gzip
import io
import json
import os
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.entities import Entity
from ner_runtime.errors import InputError
from ner_runtime.jsonl import Annotation, Sentence, chunked, entity_line, read_sentences, read_texts


def texts(path: str) -> list[str]:
    return [text for arrived in read_texts(path) for text in arrived]


def write(path: Path, *lines: str | bytes) -> str:
    path.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines))
    return str(path)


def test_plain_and_json_lines_in_order(tmp_path: Path) -> None:
    path = write(
        tmp_path / "in.txt", "\ufeff马云", "", '{"text": "杭州", "id": 7}', '{"no": "text"}', "{not json", "last\r"
    )
    assert texts(path) == ["马云", "", "杭州", '{"no": "text"}', "{not json", "last"]


def test_compressed_lines_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in.jsonl.gz").write_bytes(gzip.compress("马云\n杭州\n".encode()))
    assert texts(str(tmp_path / "in.jsonl.gz")) == ["马云", "杭州"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("马云\n".encode())))
    assert texts("-") == ["马云"]


def test_what_came_is_given_before_more_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as piped, open(writing, "wb", buffering=0) as pipe:
        monkeypatch.setattr("sys.stdin", piped)
        arrivals = read_texts("-")
        pipe.write("马云\n杭州\n阿里".encode())
        assert next(arrivals) == ["马云", "杭州"]
        pipe.write("巴巴\n".encode())
        assert next(arrivals) == ["阿里巴巴"]
        pipe.write("末".encode())
        pipe.close()
        assert list(arrivals) == [["末"]]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n\ufeff{", codec="utf-8"))), st.integers(1, 9))
def test_lines_are_whole_wherever_blocks_end(lines: list[str], block: int) -> None:
    written = "".join(f"{line}\n" for line in lines).encode()
    with (
        patch("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(written)))),  # pyright: ignore[reportArgumentType]
        patch("ner_runtime.jsonl._BLOCK", block),
    ):
        assert texts("-") == lines


def test_what_is_right_before_a_line_that_is_not_comes_first(tmp_path: Path) -> None:
    arrivals = read_texts(write(tmp_path / "in.txt", "fine", b"\xd6\xd0", "never"))
    assert next(arrivals) == ["fine"]
    with pytest.raises(InputError, match="line 2: not UTF-8"):
        next(arrivals)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.txt cannot be read: No such file"):
        texts(str(tmp_path / "nowhere.txt"))
    with pytest.raises(InputError, match="line 2: not UTF-8"):
        texts(write(tmp_path / "in.txt", "fine", b"\xd6\xd0"))
    with pytest.raises(InputError, match="cannot be read: Not a gzipped file"):
        texts(write(tmp_path / "in.gz", "plain"))
    packed = bytearray(gzip.compress("马云\n".encode() * 9))
    packed[10] ^= 0xFF
    (tmp_path / "damaged.gz").write_bytes(packed)
    with pytest.raises(InputError, match=r"damaged\.gz cannot be read"):
        texts(str(tmp_path / "damaged.gz"))


def test_annotated_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path / "gold.jsonl",
        '{"text": "马云在杭州", "entities": [{"type": "PER", "start": 0, "end": 2, "span": "马云", "score": 1}]}',
        "",
        '{"text": "没有"}',
    )
    assert list(read_sentences(path)) == [Sentence("马云在杭州", (Annotation("PER", 0, 2),)), Sentence("没有", ())]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("马云", "not JSON"),
        ("[]", 'not a JSON object with a "text"'),
        ('{"text": 1}', 'not a JSON object with a "text"'),
        ('{"text": "马云", "entities": {}}', "not a list"),
        ('{"text": "马云", "entities": ["马云"]}', "an entity is not an object"),
        ('{"text": "马云", "entities": [{"type": "PER"}]}', "an entity needs"),
        ('{"text": "马云", "entities": [{"type": "PER", "start": 0, "end": true}]}', "an entity needs"),
        (
            '{"text": "马云", "entities": [{"type": "PER", "start": 0, "end": 3}]}',
            "from 0 to 3 does not lie in",
        ),
        ('{"text": "马云", "entities": [{"type": "PER", "start": 1, "end": 1}]}', "from 1 to 1"),
        (
            '{"text": "马云", "entities": [{"type": "PER", "start": 0, "end": 1, "span": "云"}]}',
            "is not the text",
        ),
    ],
)
def test_a_line_that_is_wrong_is_named_with_its_number(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "gold.jsonl", '{"text": "fine"}', line)
    with pytest.raises(InputError, match=f"line 2: .*{message}"):
        list(read_sentences(path))


def test_an_answer_is_one_line_whatever_the_text_holds() -> None:
    line = entity_line("马\n云\u2028", [Entity("PER", "马\n云", 0, 3, 0.12345678)])
    assert b"\n" not in line
    assert json.loads(line) == {
        "text": "马\n云\u2028",
        "entities": [{"type": "PER", "span": "马\n云", "start": 0, "end": 3, "score": 0.123457}],
    }


def test_chunked() -> None:
    assert list(chunked(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(chunked([], 2)) == []
