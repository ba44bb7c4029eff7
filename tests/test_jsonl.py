"""Texts and annotated texts as JSON Lines."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ner_runtime.entities import Entity
from ner_runtime.errors import InputError
from ner_runtime.jsonl import Annotation, Sentence, chunked, entity_line, read_sentences, read_texts


def texts(path: str, *, text_field: str | None = None, plain: bool = False) -> list[str]:
    batches = read_texts(path, text_field=text_field, plain=plain)
    return [text.text for batch in batches for text in batch]


def write(path: Path, *lines: str | bytes) -> str:
    path.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines))
    return str(path)


def test_plain_and_json_lines_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "in.txt", "\ufeff马云", "", ' {"text": "杭州", "id": 7}', "“[引]”", "last\r")
    assert texts(path) == ["马云", "", "杭州", "“[引]”", "last"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"data": "张伟在北京。"}',
            'a JSON object without the field "text"; it has "data"; name the field with --field',
        ),
        ('{"sentence": "张伟", "id": 1}', 'it has "sentence", "id"'),
        ("{}", "it has no fields"),
        ('{"text": null}', 'the field "text" is null, not a string'),
        ('{"text": ["张伟"]}', 'the field "text" is an array, not a string'),
        ('["张伟在北京。"]', 'an array; expected a JSON object with the field "text", or --plain'),
        ('[{"text": "张伟"}]', "an array; expected a JSON object"),
        ('{"text": "张伟在', "not JSON: Unterminated string at column 10; use --plain"),
        ("[转发] 张伟在北京。", "not JSON: Expecting value at column 2; use --plain"),
        ("{", "not JSON: Expecting property name enclosed in double quotes at column 2; use --plain"),
        ('{"text": "张伟"} {"text": "李娜"}', "not JSON: Extra data at column 16"),
        ('{"text": "张伟", "text": "李娜"}', "ambiguous"),
        ('{"text": "张伟", "size": 1e999}', "a number is out of range"),
        (f'{{"{"k" * 99}": 1}}', f'it has "{"k" * 40}…"'),
    ],
)
def test_json_that_is_not_a_text_is_refused_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "in.jsonl", '{"text": "fine"}', "fine", line, "never")
    batches = read_texts(path)
    assert [text.text for text in next(batches)] == ["fine", "fine"], "the lines before are recognized"
    with pytest.raises(InputError) as raised:
        next(batches)
    assert raised.value.message.startswith(f"{path}, line 3: ")
    assert message in raised.value.message


def test_plain_reads_json_as_text(tmp_path: Path) -> None:
    lines = ['{"data": "张伟"}', "[转发] 张伟", '{"text": "李娜"}']
    assert texts(write(tmp_path / "in.txt", *lines), plain=True) == lines


def test_field_names_the_text(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", '{"text": 1, "title": "张伟"}', "", '{"title": "李娜"}', "王芳")
    batches = read_texts(path, text_field="title")
    assert [text.text for text in next(batches)] == ["张伟", "", "李娜"]
    with pytest.raises(
        InputError, match='line 4: plain text; --field title expects a JSON object with the field "title"'
    ):
        next(batches)


def test_lines_are_given_before_more_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as piped, open(writing, "wb", buffering=0) as pipe:
        monkeypatch.setattr("sys.stdin", piped)
        batches = ([text.text for text in batch] for batch in read_texts("-"))
        pipe.write("马云\n杭州\n阿里".encode())
        assert next(batches) == ["马云", "杭州"]
        pipe.write("巴巴\n".encode())
        assert next(batches) == ["阿里巴巴"]
        pipe.write("末".encode())
        pipe.close()
        assert list(batches) == [["末"]]


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
def test_invalid_annotated_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "gold.jsonl", '{"text": "fine"}', line)
    with pytest.raises(InputError, match=f"line 2: .*{message}"):
        list(read_sentences(path))


def test_output_is_one_line_whatever_the_text_holds() -> None:
    line = entity_line("马\n云\u2028", [Entity("PER", "马\n云", 0, 3, 0.12345678)])
    assert b"\n" not in line
    assert json.loads(line) == {
        "text": "马\n云\u2028",
        "entities": [{"type": "PER", "span": "马\n云", "start": 0, "end": 3, "score": 0.123457, "source": "model"}],
    }


def test_output_holds_the_other_fields_of_the_input() -> None:
    line = entity_line("马云", [], {"id": 7, "text": "马云", "entities": "old", "tags": [1, None]})
    assert json.loads(line) == {"id": 7, "text": "马云", "tags": [1, None], "entities": []}
    assert json.loads(entity_line("马云", [], {"title": "马云"})) == {"text": "马云", "title": "马云", "entities": []}
    assert json.loads(entity_line("马云", [], {"title": "马云", "text": 1}))["text"] == 1


def test_chunked() -> None:
    assert list(chunked(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(chunked([], 2)) == []
