import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ner_runtime.entities import Entity
from ner_runtime.errors import InputError
from ner_runtime.lines import Sentence, Span, chunked, entity_line, read_sentences, read_texts


def write(path: Path, *lines: str | bytes) -> str:
    path.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines))
    return str(path)


def test_plain_and_json_lines_in_order(tmp_path: Path) -> None:
    path = write(
        tmp_path / "in.txt", "\ufeff马云", "", '{"text": "杭州", "id": 7}', '{"no": "text"}', "{not json", "last\r"
    )
    assert list(read_texts(path)) == ["马云", "", "杭州", '{"no": "text"}', "{not json", "last"]


def test_compressed_lines_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in.jsonl.gz").write_bytes(gzip.compress("马云\n杭州\n".encode()))
    assert list(read_texts(str(tmp_path / "in.jsonl.gz"))) == ["马云", "杭州"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("马云\n".encode())))
    assert list(read_texts("-")) == ["马云"]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.txt cannot be read: No such file"):
        list(read_texts(str(tmp_path / "nowhere.txt")))
    with pytest.raises(InputError, match="line 2: not UTF-8"):
        list(read_texts(write(tmp_path / "in.txt", "fine", b"\xd6\xd0")))
    with pytest.raises(InputError, match="cannot be read: Not a gzipped file"):
        list(read_texts(write(tmp_path / "in.gz", "plain")))
    packed = bytearray(gzip.compress("马云\n".encode() * 9))
    packed[10] ^= 0xFF
    (tmp_path / "damaged.gz").write_bytes(packed)
    with pytest.raises(InputError, match=r"damaged\.gz cannot be read"):
        list(read_texts(str(tmp_path / "damaged.gz")))


def test_annotated_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path / "gold.jsonl",
        '{"text": "马云在杭州", "entities": [{"type": "PER", "start": 0, "end": 2, "span": "马云", "score": 1}]}',
        "",
        '{"text": "没有"}',
    )
    assert list(read_sentences(path)) == [Sentence("马云在杭州", (Span("PER", 0, 2),)), Sentence("没有", ())]


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


def test_what_comes_before_an_error_is_not_lost() -> None:
    def failing() -> Iterator[int]:
        yield from range(3)
        raise InputError("the fourth")

    lists = chunked(failing(), 2)
    assert [next(lists), next(lists)] == [[0, 1], [2]]
    with pytest.raises(InputError, match="the fourth"):
        next(lists)
