"""`raner predict`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from tests.support.raner import json_lines, raner, shell
from tests.support.servers.service import REPOSITORY, environment
from tests.support.texts.examples import EXAMPLE, EXAMPLE_SPANS

ENTITIES = [
    {"type": type_, "span": EXAMPLE[start:end], "start": start, "end": end, "source": "model"}
    for type_, start, end in EXAMPLE_SPANS
]


def without_scores(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in entity.items() if name != "score"} for entity in result["entities"]]


def test_a_text_on_the_command_line() -> None:
    [result] = json_lines(raner("predict", EXAMPLE))
    assert result["text"] == EXAMPLE
    assert without_scores(result) == ENTITIES


def test_lines_of_a_file_give_one_line_each_in_order(tmp_path: Path) -> None:
    lines = [EXAMPLE, "", json.dumps({"text": EXAMPLE}), "没有名字", *["。"] * 300]
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for run in (
        raner("predict", "--input", str(tmp_path / "in.jsonl")),
        raner("predict", "--input", "-", stdin="\n".join(lines).encode()),
    ):
        found = json_lines(run)
        assert [result["text"] for result in found] == [EXAMPLE, "", EXAMPLE, "没有名字", *["。"] * 300]
        assert without_scores(found[2]) == ENTITIES
        assert found[1]["entities"] == []


def test_fields_of_the_input_pass_through(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": 7, "title": EXAMPLE}), encoding="utf-8")
    [result] = json_lines(raner("predict", "--input", str(tmp_path / "in.jsonl"), "--field", "title"))
    assert (result["id"], result["title"], result["text"]) == (7, EXAMPLE, EXAMPLE)
    assert without_scores(result) == ENTITIES


def test_json_that_is_not_a_text_is_refused() -> None:
    run = raner("predict", "--input", "-", stdin=f'马云\n{{"data": "{EXAMPLE}"}}\n'.encode())
    assert (run.returncode, run.stdout.count(b"\n")) == (1, 1)
    message = 'raner: -, line 2: a JSON object without the field "text"; it has "data"; name the field with --field\n'
    assert run.stderr.decode() == message
    [result] = json_lines(raner("predict", "--input", "-", "--plain", stdin=b'{"data": 1}'))
    assert (result["text"], result.keys()) == ('{"data": 1}', {"text", "entities"})


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "big5"])
def test_other_encodings(encoding: str) -> None:
    text = "馬雲在杭州。"
    [result] = json_lines(raner("predict", "--input", "-", "--encoding", encoding, stdin=f"{text}\n".encode(encoding)))
    assert result["text"] == text


def test_other_encoding_is_suggested() -> None:
    run = raner("predict", "--input", "-", stdin=f"{EXAMPLE}\n".encode("gb18030"))
    assert run.stderr == b"raner: -, line 1: not UTF-8; it looks like gb18030: use --encoding gb18030\n"


def test_some_types_as_a_table() -> None:
    run = raner("predict", EXAMPLE, "--types", "PER, TIME", "--format", "table")
    assert run.returncode == 0
    assert "马云" in run.stdout.decode()
    assert "杭州" not in run.stdout.decode()


def test_lines_before_an_invalid_line_are_answered() -> None:
    run = raner("predict", "--input", "-", stdin="马云\n".encode() + b"\xff\n")
    assert (run.returncode, run.stdout.count(b"\n")) == (1, 1)
    assert run.stderr == b"raner: -, line 2: not UTF-8\n"


def test_each_line_is_answered_before_the_next_one_arrives() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ner_runtime.cli", "predict", "--input", "-"],
        cwd=REPOSITORY,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        timer = Timer(60, process.kill)
        timer.start()
        try:
            assert process.stdin
            assert process.stdout
            for _ in range(2):
                process.stdin.write(f"{EXAMPLE}\n".encode())
                process.stdin.flush()
                assert without_scores(json.loads(process.stdout.readline())) == ENTITIES
        finally:
            timer.cancel()
            process.kill()


def test_closed_pipe_is_not_an_error() -> None:
    run = shell("predict --input - | head -n 1", stdin="马云在杭州。\n".encode() * 5000)
    assert (run.returncode, run.stdout.count(b"\n"), run.stderr) == (0, 1, b"")
