"""`raner evaluate`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.support.examples import EXAMPLE
from tests.support.raner import json_lines, raner


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


def test_missing_map_leaves_the_types_as_they_are(tmp_path: Path) -> None:
    gold = [{"type": "PER", "start": 9, "end": 11}, {"type": "LOC", "start": 0, "end": 1}]
    (tmp_path / "gold.jsonl").write_text(json.dumps({"text": EXAMPLE, "entities": gold}), encoding="utf-8")
    (tmp_path / "map.json").write_text('{"_comment": "not a map", "weibo": {"PER.NAM": "PER"}}')
    run = raner("evaluate", f"{tmp_path}/gold.jsonl", "--map", f"{tmp_path}/map.json#msra", "--json")
    [report] = json_lines(run)
    assert {type_: score["support"] for type_, score in report["types"].items()} == {"LOC": 1, "PER": 1}
    [said] = run.stderr.decode().splitlines()
    assert said == f"raner: {tmp_path}/map.json#msra does not exist; the types of the file are used as they are"
