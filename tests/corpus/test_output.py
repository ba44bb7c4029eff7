"""The output directory: what a run begins, completes and resumes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import zstandard

from ner_runtime.corpus.annotator import AnnotatedShard
from ner_runtime.corpus.output import Output, Totals, parquet_schema
from ner_runtime.corpus.plan import ModelChoice, OutputFormat, Plan
from ner_runtime.corpus.sources import Source, find_sources
from ner_runtime.errors import InputError

MODEL = ModelChoice("/models/a", "1")
ENTITY = {"type": "PER", "span": "马云", "start": 0, "end": 2, "score": 0.5, "source": "model"}
ANNOTATED = AnnotatedShard([{"id": 1, "text": "马云", "entities": [ENTITY]}], [{"line": 2, "reason": "bad"}], 1, 2)
SOURCES = [Source(0, Path("/in/a.jsonl"), "a.jsonl", "jsonl", 10)]


def test_a_shard_is_complete_once_its_marker_is_there(tmp_path: Path) -> None:
    output = Output(tmp_path, OutputFormat.JSONL)
    totals = output.write("00000-000003", ANNOTATED)
    assert totals == Totals(records=1, bad=1, entities=1, chars=2)
    assert output.completed() == {"00000-000003": totals}
    assert (tmp_path / "bad/00000-000003.jsonl").read_text() == '{"line":2,"reason":"bad"}\n'
    (tmp_path / "_done/00000-000003.json").unlink()
    assert output.completed() == {}


def test_the_totals_are_those_of_all_shards(tmp_path: Path) -> None:
    output = Output(tmp_path, OutputFormat.JSONL)
    output.write("0", ANNOTATED)
    output.write("1", ANNOTATED)
    assert output.finish() == Totals(2, 2, 2, 4)
    assert json.loads((tmp_path / "_SUCCESS").read_bytes())["records"] == 2


@pytest.mark.parametrize("output_format", [OutputFormat.JSONL, OutputFormat.JSONL_GZ, OutputFormat.JSONL_ZST])
def test_json_parts_hold_the_rows_and_are_the_same_each_time(tmp_path: Path, output_format: OutputFormat) -> None:
    written: list[bytes] = []
    for _ in range(2):
        Output(tmp_path, output_format).write("0", ANNOTATED)
        written.append((tmp_path / f"part-0.{output_format}").read_bytes())
    plain = {
        OutputFormat.JSONL: bytes,
        OutputFormat.JSONL_GZ: gzip.decompress,
        OutputFormat.JSONL_ZST: zstandard.ZstdDecompressor().decompress,
    }[output_format](written[0])
    assert [json.loads(line) for line in plain.splitlines()] == ANNOTATED.rows
    assert written[0] == written[1]


def test_parquet_parts_keep_the_columns_of_the_input(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    table = pa.table({"id": pa.array([1], pa.int16()), "text": ["马云"]})
    parquet.write_table(table, tmp_path / "in/a.parquet")
    schema = parquet_schema(find_sources(tmp_path / "in"))
    Output(tmp_path / "out", OutputFormat.PARQUET, schema).write("0", ANNOTATED)
    written = parquet.read_table(tmp_path / "out/part-0.parquet")
    assert written.schema.field("id").type == pa.int16()
    assert written.to_pylist() == ANNOTATED.rows


def test_parquet_output_needs_parquet_input() -> None:
    with pytest.raises(InputError, match="Parquet output needs Parquet input"):
        parquet_schema(SOURCES)


def test_a_run_is_resumed_only_when_asked_for(tmp_path: Path) -> None:
    output = Output(tmp_path / "out", OutputFormat.JSONL)
    output.begin(SOURCES, Plan(), MODEL, resume=True)
    with pytest.raises(InputError, match="holds a run; resume it with --resume"):
        output.begin(SOURCES, Plan(), MODEL, resume=False)
    output.begin(SOURCES, Plan(), MODEL, resume=True)


@pytest.mark.parametrize(
    ("sources", "plan", "model"),
    [
        ([Source(0, Path("/in/a.jsonl"), "a.jsonl", "jsonl", 11)], Plan(), MODEL),
        (SOURCES, Plan(min_score=0.5), MODEL),
        (SOURCES, Plan(), ModelChoice("/models/a", "2")),
    ],
)
def test_a_run_is_not_resumed_with_anything_else(
    tmp_path: Path, sources: list[Source], plan: Plan, model: ModelChoice
) -> None:
    output = Output(tmp_path, OutputFormat.JSONL)
    output.begin(SOURCES, Plan(), MODEL, resume=False)
    with pytest.raises(InputError, match="was begun with other input, options or another model"):
        output.begin(sources, plan, model, resume=True)


@pytest.mark.parametrize("damaged", [b"", b'{"input": [', b"\xff\xfe"])
def test_a_run_with_a_damaged_plan_is_not_resumed(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "_plan.json").write_bytes(damaged)
    with pytest.raises(InputError, match=r"_plan\.json is damaged, so the run cannot be resumed"):
        Output(tmp_path, OutputFormat.JSONL).begin(SOURCES, Plan(), MODEL, resume=True)


def test_a_run_on_another_path_or_with_other_threads_is_the_same_run(tmp_path: Path) -> None:
    output = Output(tmp_path, OutputFormat.JSONL)
    output.begin(SOURCES, Plan(), MODEL, resume=False)
    output.begin(SOURCES, Plan(), ModelChoice("/elsewhere", "1", threads=4), resume=True)


def test_a_run_that_was_killed_before_it_wrote_its_plan_begins_again(tmp_path: Path) -> None:
    (tmp_path / "._plan.json-ab12cd").write_text("{")
    Output(tmp_path, OutputFormat.JSONL).begin(SOURCES, Plan(), MODEL, resume=False)
    with Output(tmp_path, OutputFormat.JSONL).locked():
        assert {one.name for one in tmp_path.iterdir()} == {"_lock", "_plan.json"}


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(InputError, match="is not empty"):
        Output(tmp_path, OutputFormat.JSONL).begin(SOURCES, Plan(), MODEL, resume=True)


def test_two_runs_do_not_write_at_once_and_leftovers_go(tmp_path: Path) -> None:
    (tmp_path / ".part-0.jsonl-ab12cd").write_text("half")
    with Output(tmp_path, OutputFormat.JSONL).locked():
        assert not list(tmp_path.glob(".part*"))
        with pytest.raises(InputError, match="another run writes"), Output(tmp_path, OutputFormat.JSONL).locked():
            pass
