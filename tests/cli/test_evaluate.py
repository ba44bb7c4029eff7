"""`raner evaluate`."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.support.command import Raner
from tests.support.raner import json_lines, raner
from tests.support.texts.examples import EXAMPLE


def test_report_as_json_and_as_a_table(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    gold = [{"type": "person", "start": 9, "end": 11}, {"type": "ORG", "start": 0, "end": 4}]
    path.write_text(json.dumps({"text": EXAMPLE, "entities": gold}), encoding="utf-8")
    (tmp_path / "map.json").write_text('{"mine": {"person": "PER"}}')
    arguments = ["evaluate", str(path), "--map", f"{tmp_path}/map.json#mine"]
    [report] = json_lines(raner(*arguments, "--json"))
    assert report["types"]["PER"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
    assert report["types"]["ORG"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert (report["precision"], report["recall"], report["f1"]) == (1 / 3, 1 / 2, 2 / 5)
    assert (report["sentences"], report["file_sha256"]) == (1, hashlib.sha256(path.read_bytes()).hexdigest())
    assert b"100.00" in raner(*arguments).stdout
    [piped] = json_lines(raner("evaluate", "-", *arguments[2:], "--json", stdin=path.read_bytes()))
    assert piped == report | {"file_sha256": None}


def test_a_pipe_is_read_once(run_raner: Raner) -> None:
    gold = {"text": EXAMPLE, "entities": [{"type": "PER", "start": 9, "end": 11}]}
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe:
        pipe.write(json.dumps(gold).encode())
    report = json.loads(run_raner("evaluate", f"/dev/fd/{reading}", "--json").out)
    os.close(reading)
    assert (report["f1"], report["file_sha256"]) == (1.0, None)


def test_missing_map_leaves_the_types_as_they_are(tmp_path: Path) -> None:
    gold = [{"type": "PER", "start": 9, "end": 11}, {"type": "LOC", "start": 0, "end": 1}]
    (tmp_path / "gold.jsonl").write_text(json.dumps({"text": EXAMPLE, "entities": gold}), encoding="utf-8")
    (tmp_path / "map.json").write_text('{"_comment": "not a map", "weibo": {"PER.NAM": "PER"}}')
    run = raner("evaluate", f"{tmp_path}/gold.jsonl", "--map", f"{tmp_path}/map.json#msra", "--json")
    [report] = json_lines(run)
    assert {type_: score["support"] for type_, score in report["types"].items()} == {"LOC": 1, "PER": 1}
    [said] = run.stderr.decode().splitlines()
    assert said == f"raner: {tmp_path}/map.json#msra does not exist; the types of the file are used as they are"


def test_format_of_another_tool_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps({"id": 1, "text": EXAMPLE, "label": [[9, 11, "PER"]]}), encoding="utf-8")
    run = raner("evaluate", str(path), "--json")
    [report] = json_lines(run)
    assert (report["f1"], report["types"]["PER"]["support"]) == (1.0, 1)
    assert run.stderr.decode() == f"raner: the format of {path} is doccano (label)\n"


def test_encoding_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "gold.txt"
    path.write_bytes("马 B-PER\n云 I-PER\n在 O\n杭 B-LOC\n州 I-LOC\n。 O\n".encode("gb18030"))
    [report] = json_lines(raner("evaluate", str(path), "--encoding", "gb18030", "--json"))
    assert {type_: score["support"] for type_, score in report["types"].items()} == {"LOC": 1, "PER": 1}
    assert b"use --encoding gb18030" in raner("evaluate", str(path)).stderr


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        ([], "has no annotated entity; its format is JSON Lines (entities)"),
        ([{"type": "人名", "start": 9, "end": 11}], "has the types 人名, the model "),
    ],
)
def test_nothing_to_score_is_an_error(tmp_path: Path, gold: list[object], message: str) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps({"text": EXAMPLE, "entities": gold}), encoding="utf-8")
    run = raner("evaluate", str(path), "--json")
    assert (run.returncode, run.stdout) == (1, b"")
    [line] = run.stderr.decode().splitlines()
    assert message in line
