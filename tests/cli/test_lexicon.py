"""`raner lexicon check`, and the option `--lexicon`: files become one set, and their faults are reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ner_runtime import InvalidLexicon
from ner_runtime.cli.lexicon import read_lexicons
from tests.support.raner import json_lines, raner


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_without_files_there_is_no_lexicon() -> None:
    assert read_lexicons(None) is None
    assert read_lexicons([]) is None


def test_files_keep_their_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write(tmp_path / "b.tsv", "蔚来\tORG\n"), write(tmp_path / "a.tsv", "峰会\tEVENT\n")]
    lexicons = read_lexicons(files)
    assert lexicons
    assert [one.types for one in lexicons.lexicons] == [("ORG",), ("EVENT",)]
    assert capsys.readouterr().err == ""


def test_lines_that_are_left_out_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "a.tsv", "蔚来\tORG\n[]\n")
    read_lexicons([file])
    assert capsys.readouterr().err.startswith(f"raner: {file}: 1 entry, 1 bad line; line 2: ")


def test_a_file_without_an_entry_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidLexicon, match="has no valid entry"):
        read_lexicons([write(tmp_path / "a.tsv", "[]\n")])


def test_check_lists_the_faults_of_a_file(tmp_path: Path) -> None:
    file = write(tmp_path / "a.tsv", "蔚来\tORG\n[]\n蔚来\tPER\n沪\tLOC\n")
    run = raner("lexicon", "check", str(file))
    assert run.returncode == 1
    bad, conflict, one_character, total = run.stdout.decode().splitlines()
    assert bad.startswith("line 2: has 1 columns")
    assert conflict.startswith("line 3: left out")
    assert one_character.startswith("line 4: an entry of one character")
    assert total.startswith("2 entries, digest ")


def test_predict_and_evaluate_apply_lexicons(tmp_path: Path) -> None:
    file = str(write(tmp_path / "a.tsv", "开会\tEVENT\n"))
    text = "我们在公司开会。"
    [predicted] = json_lines(raner("predict", text, "--lexicon", file))
    [entity] = predicted["entities"]
    assert (entity["type"], entity["span"], entity["source"]) == ("EVENT", "开会", "lexicon")
    assert "EVENT" in raner("predict", text, "--lexicon", file, "--format", "table").stdout.decode()
    line = json.dumps({"text": text, "entities": [{"type": "EVENT", "start": 5, "end": 7}]})
    gold = write(tmp_path / "gold.jsonl", line)
    [report] = json_lines(raner("evaluate", str(gold), "--lexicon", file, "--json"))
    assert report["types"]["EVENT"]["recall"] == 1
