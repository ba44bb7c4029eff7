"""The option `--lexicon`: files become one set, and their faults are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_runtime import InvalidLexicon
from ner_runtime.cli.lexicon import read_lexicons


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
    assert capsys.readouterr().err.startswith(f"raner: {file}: 1 entries, 1 bad lines; line 2: ")


def test_a_file_without_an_entry_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidLexicon, match="has no valid entry"):
        read_lexicons([write(tmp_path / "a.tsv", "[]\n")])
