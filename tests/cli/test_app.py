"""The `raner` command as it is typed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest

from ner_runtime.embedded import embedded_model
from tests.support.examples import EXAMPLE, EXAMPLE_SPANS
from tests.support.raner import raner, shell
from tests.support.servers import REPOSITORY, environment

ENTITIES = [
    {"type": type_, "span": EXAMPLE[start:end], "start": start, "end": end} for type_, start, end in EXAMPLE_SPANS
]


def answers(run: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    assert run.returncode == 0, run.stderr.decode()
    return [json.loads(line) for line in run.stdout.decode().splitlines()]


def without_scores(answer: dict[str, object]) -> list[dict[str, object]]:
    entities = answer["entities"]
    assert isinstance(entities, list)
    return [{name: value for name, value in entity.items() if name != "score"} for entity in entities]


def test_predict_a_text() -> None:
    [answer] = answers(raner("predict", EXAMPLE))
    assert answer["text"] == EXAMPLE
    assert without_scores(answer) == ENTITIES


def test_predict_lines_one_answer_a_line_in_order(tmp_path: Path) -> None:
    lines = [EXAMPLE, "", json.dumps({"text": EXAMPLE}), "没有名字", *["。"] * 300]
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for run in (
        raner("predict", "--input", str(tmp_path / "in.jsonl")),
        raner("predict", "--input", "-", stdin="\n".join(lines).encode()),
    ):
        found = answers(run)
        assert [answer["text"] for answer in found] == [EXAMPLE, "", EXAMPLE, "没有名字", *["。"] * 300]
        assert without_scores(found[2]) == ENTITIES
        assert found[1]["entities"] == []


def test_predict_some_types_as_a_table() -> None:
    run = raner("predict", EXAMPLE, "--types", "PER, TIME", "--format", "table")
    assert run.returncode == 0
    assert "马云" in run.stdout.decode()
    assert "杭州" not in run.stdout.decode()


def test_evaluate_reports_as_json_and_as_a_table(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    gold = [{"type": "person", "start": 9, "end": 11}, {"type": "ORG", "start": 0, "end": 4}]
    path.write_text(json.dumps({"text": EXAMPLE, "entities": gold}), encoding="utf-8")
    (tmp_path / "map.json").write_text('{"mine": {"person": "PER"}}')
    arguments = ["evaluate", str(path), "--map", f"{tmp_path}/map.json#mine"]
    [report] = answers(raner(*arguments, "--json"))
    assert report["types"]["PER"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}  # type: ignore[index]
    assert report["types"]["ORG"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}  # type: ignore[index]
    assert (report["precision"], report["recall"], report["f1"]) == (1 / 3, 1 / 2, 2 / 5)
    assert (report["sentences"], report["file_sha256"]) == (1, hashlib.sha256(path.read_bytes()).hexdigest())
    assert b"100.00" in raner(*arguments).stdout
    [piped] = answers(raner("evaluate", "-", *arguments[2:], "--json", stdin=path.read_bytes()))
    assert piped == report | {"file_sha256": None}


def test_evaluate_without_a_map_of_that_name_takes_the_types_as_they_are(tmp_path: Path) -> None:
    gold = [{"type": "PER", "start": 9, "end": 11}, {"type": "LOC", "start": 0, "end": 1}]
    (tmp_path / "gold.jsonl").write_text(json.dumps({"text": EXAMPLE, "entities": gold}), encoding="utf-8")
    (tmp_path / "map.json").write_text('{"_comment": "not a map", "weibo": {"PER.NAM": "PER"}}')
    run = raner("evaluate", f"{tmp_path}/gold.jsonl", "--map", f"{tmp_path}/map.json#msra", "--json")
    [report] = answers(run)
    assert {type_: score["support"] for type_, score in report["types"].items()} == {"LOC": 1, "PER": 1}  # type: ignore[attr-defined]
    [said] = run.stderr.decode().splitlines()
    assert said == f"raner: {tmp_path}/map.json#msra does not exist; the types of the file are used as they are"


def test_info() -> None:
    [manifest] = answers(raner("info", "--json"))
    assert manifest["name"] == "raner-mini"
    said = raner("info").stdout
    assert b"raner-mini" in said
    assert b"sentence by sentence" in said


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["predict"], 2, "give either a TEXT or --input FILE"),
        (["predict", "马云", "--input", "-"], 2, "give either a TEXT or --input FILE"),
        (["predict", "马云", "--format", "xml"], 2, "'xml' is not"),
        (["predict", "--input="], 2, "give either a TEXT or --input FILE"),
        (["perdict"], 2, "perdict"),
        (["predict", "马云", "--types", "DOG"], 1, "raner: unknown entity type 'DOG'; this model knows"),
        (["predict", "马云", "--model", "/no/such"], 1, "raner: no model"),
        (["predict", "--input", "/no/such"], 1, "raner: /no/such cannot be read: No such file or directory"),
        (["evaluate", "/no/such"], 1, "raner: /no/such cannot be read"),
        (["evaluate", "/dev/null", "--map", "/no/such#x"], 1, "raner: /no/such cannot be read"),
        (["info", "/"], 1, "raner: / is not a model directory"),
    ],
)
def test_wrong_usage_and_failures(arguments: list[str], status: int, message: str) -> None:
    run = raner(*arguments)
    assert run.returncode == status
    assert message in run.stderr.decode()
    assert b"Traceback" not in run.stderr
    assert not run.stdout


def test_a_wrong_setting_is_named() -> None:
    run = raner("predict", "马云", RANER_THREADS="-3")
    assert (run.returncode, run.stderr) == (1, b"raner: RANER_THREADS is '-3'; allowed: 0 to 256\n")


@pytest.mark.parametrize("command", ["predict 马云", "predict 马云 --format table", "info", "info --json", "models"])
def test_an_output_that_cannot_be_written_is_one_line(command: str) -> None:
    run = shell(f"{command} > /dev/full")
    assert (run.returncode, run.stderr) == (1, b"raner: the output: No space left on device\n")


def test_streams_that_are_closed() -> None:
    assert shell("predict 马云 >&-").stderr == b"raner: the standard output is closed\n"
    assert shell("predict --input - <&-").stderr == b"raner: the standard input is closed\n"


def test_what_was_read_before_a_bad_line_is_answered() -> None:
    run = raner("predict", "--input", "-", stdin="马云\n".encode() + b"\xff\n")
    assert (run.returncode, run.stdout.count(b"\n")) == (1, 1)
    assert run.stderr == b"raner: -, line 2: not UTF-8\n"


def test_a_line_is_answered_before_the_next_one_comes() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ner_runtime.cli", "predict", "--input", "-"],
        cwd=REPOSITORY,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        impatience = Timer(60, process.kill)
        impatience.start()
        try:
            assert process.stdin
            assert process.stdout
            for _ in range(2):
                process.stdin.write(f"{EXAMPLE}\n".encode())
                process.stdin.flush()
                assert without_scores(json.loads(process.stdout.readline())) == ENTITIES
        finally:
            impatience.cancel()
            process.kill()


def test_a_table_is_not_cut_where_there_is_no_terminal(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.symlink_to(embedded_model())
    assert str(folder) in raner("info", str(folder)).stdout.decode()


def test_a_reader_that_leaves_early_is_no_error() -> None:
    run = shell("predict --input - | head -n 1", stdin="马云在杭州。\n".encode() * 5000)
    assert run.stdout.count(b"\n") == 1
    assert b"Traceback" not in run.stderr
