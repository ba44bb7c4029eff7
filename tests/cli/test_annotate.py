"""`raner annotate`: options, messages, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tests.support.raner import raner
from tests.support.texts.corpora import read_parts, records, write_jsonl


def test_a_directory_of_files_becomes_parts(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    write_jsonl(source / "a.jsonl", records(3))
    (source / "b.csv").write_text("id,text\n7,马云在杭州。\n8\n", encoding="utf-8")
    run = raner("annotate", str(source), str(tmp_path / "out"), "--types", "PER,LOC")
    assert run.returncode == 0, run.stderr
    assert [row["id"] for row in read_parts(tmp_path / "out")] == [0, 1, 2, "7"]
    assert read_parts(tmp_path / "out")[-1]["entities"][0]["span"] == "马云"
    [bad] = (tmp_path / "out/bad").iterdir()
    assert json.loads(bad.read_bytes())["reason"] == "the row has fewer columns than the header"
    assert f"1 bad records; see {tmp_path / 'out' / 'bad'}" in run.stderr.decode()
    assert run.stdout == b""


def test_workers_apply_a_lexicon_and_a_resumed_run_needs_the_same(tmp_path: Path) -> None:
    source, lexicon = write_jsonl(tmp_path / "in.jsonl", records(4)), tmp_path / "names.tsv"
    lexicon.write_text("峰会\tEVENT\tforce\n[]\n", encoding="utf-8")
    command = ("annotate", str(source), str(tmp_path / "out"), "--lexicon", str(lexicon), "--types", "EVENT")
    run = raner(*command, "--workers", "2")
    assert run.returncode == 0, run.stderr
    assert b"names.tsv: 1 entry, 1 bad line" in run.stderr
    assert [item["span"] for row in read_parts(tmp_path / "out") for item in row["entities"]] == ["峰会"]
    lexicon.write_text("峰会\tEVENT\n", encoding="utf-8")
    run = raner(*command, "--resume")
    assert (run.returncode, run.stderr.count(b"\n")) == (1, 1)
    assert b"was begun with other input, options or another model" in run.stderr


def test_parquet_in_and_out(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"key": [5], "content": ["马云在杭州。"]}), tmp_path / "in.parquet")
    arguments = ("--field", "content", "--format", "parquet", "--min-score", "0.5")
    run = raner("annotate", str(tmp_path / "in.parquet"), str(tmp_path / "out"), *arguments)
    assert run.returncode == 0, run.stderr
    [row] = parquet.read_table(tmp_path / "out/part-00000-000000.parquet").to_pylist()
    assert (row["key"], [item["span"] for item in row["entities"]]) == (5, ["马云", "杭州"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{source}", "{out}", "--types", "DOG"], "unknown entity type 'DOG'; known: PER"),
        (["{missing}", "{out}"], "missing.jsonl cannot be read: No such file or directory"),
        (["{source}", "{full}"], "is not empty"),
        (["{source}", "{out}", "--format", "parquet"], "Parquet output needs Parquet input"),
        (["{full}", "{full}/out"], "choose a directory outside it"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    places = {
        "source": write_jsonl(tmp_path / "in.jsonl", records(1)),
        "missing": tmp_path / "missing.jsonl",
        "out": tmp_path / "out",
        "full": tmp_path / "full",
    }
    run = raner("annotate", *(argument.format(**places) for argument in arguments))
    [line] = run.stderr.decode().splitlines()
    assert run.returncode == 1
    assert line.startswith("raner: ")
    assert message in line
