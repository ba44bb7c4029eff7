"""Input files: kinds, compression, shards."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import zstandard

from ner_runtime.corpus.plan import Plan
from ner_runtime.corpus.sources import check_apart, find_sources, read_shards
from ner_runtime.errors import InputError


def read(path: Path, **options: Any) -> list[tuple[str, int, Any]]:
    """The shard, the number and the content of each record."""
    [source] = find_sources(path)
    shards = read_shards(source, Plan(**options))
    return [(shard.name, record.number, record.content) for shard in shards for record in shard.records]


def contents(path: Path) -> list[Any]:
    return [content for _, _, content in read(path)]


def test_lines_keep_their_numbers_and_empty_ones_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text":"a"}\n\n{"text":"b"}')
    assert read(tmp_path / "a.jsonl") == [
        ("00000-000000", 1, b'{"text":"a"}\n'),
        ("00000-000000", 3, b'{"text":"b"}'),
    ]


def test_a_shard_ends_with_its_records_or_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"{number}\n" for number in range(5)))
    assert [name[-1] for name, _, _ in read(tmp_path / "a.txt", shard_records=2)] == list("00112")
    assert [name[-1] for name, _, _ in read(tmp_path / "a.txt", shard_bytes=6)] == list("00011")


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_compressed_lines(tmp_path: Path, ending: str) -> None:
    compress = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[ending]
    file = tmp_path / f"a.txt{ending}"
    # Two frames one after the other, as `cat` joins them.
    file.write_bytes(compress("马云\n".encode()) + compress("杭州\n".encode()))
    assert b"".join(contents(file)).decode() == "马云\n杭州\n"


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_truncated_file_is_an_error_that_names_it(tmp_path: Path, ending: str) -> None:
    text = "".join(f"马云{number * 7919}\n" for number in range(5000)).encode()
    whole = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[ending](text)
    file = tmp_path / f"a.txt{ending}"
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=f"a.txt{ending} cannot be read"):
        contents(file)


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_file_that_is_not_compressed_is_an_error_that_names_it(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a.txt{ending}").write_text("马云\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"a.txt{ending} cannot be read"):
        contents(tmp_path / f"a.txt{ending}")


def test_csv_rows_with_quotes_and_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('\ufeffid,text\n1,"马云,\n在杭州"\n2,北京\n', encoding="utf-8")
    assert contents(tmp_path / "a.csv") == [{"id": "1", "text": "马云,\n在杭州"}, {"id": "2", "text": "北京"}]


def test_tab_separated_rows(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("id\ttext\n1\t马云\n", encoding="utf-8")
    assert contents(tmp_path / "a.tsv") == [{"id": "1", "text": "马云"}]


def test_parquet_rows_keep_their_types(tmp_path: Path) -> None:
    rows = [{"id": 1, "text": "马云", "tags": ["a"], "score": None}, {"id": 2, "text": None, "tags": [], "score": 0.5}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert contents(tmp_path / "a.parquet") == rows


def test_a_directory_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a/2.txt", "a/1.csv", "_SUCCESS", ".hidden.jsonl", "_done/x.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert [(source.index, source.name) for source in find_sources(tmp_path)] == [
        (0, "a/1.csv"),
        (1, "a/2.txt"),
        (2, "b.jsonl"),
    ]


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_text("")
    with pytest.raises(InputError, match=r"a\.docx: unknown kind of file; known: \.jsonl"):
        find_sources(tmp_path)


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no file"):
        find_sources(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        find_sources(tmp_path / "a.jsonl")


def test_columns_of_the_same_name_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text,id\n1,a,2\n")
    with pytest.raises(InputError, match=r"a\.csv: two columns have the name 'id'"):
        contents(tmp_path / "a.csv")


def test_output_lies_outside_the_input(tmp_path: Path) -> None:
    for inside in (tmp_path, tmp_path / "out", tmp_path / "a" / "out"):
        with pytest.raises(InputError, match=f"the output {inside} lies in the input {tmp_path}; choose"):
            check_apart(tmp_path, inside)
    # `find_sources` skips these.
    check_apart(tmp_path, tmp_path / "_out")
    check_apart(tmp_path / "a.jsonl", tmp_path / "out")


@pytest.mark.parametrize(
    "values",
    [
        pa.StringArray.from_buffers(1, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff")),
        pa.array([10**15], pa.timestamp("ms")),
    ],
    ids=["string that is not UTF-8", "year 33658"],
)
def test_a_parquet_value_that_python_does_not_have_is_an_error(tmp_path: Path, values: Any) -> None:
    parquet.write_table(pa.table({"text": values}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet cannot be read"):
        contents(tmp_path / "a.parquet")


def test_a_damaged_parquet_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"text": ["马云"] * 2000}), tmp_path / "a.parquet", compression="none")
    whole = bytearray((tmp_path / "a.parquet").read_bytes())
    whole[4:40] = bytes(36)
    (tmp_path / "a.parquet").write_bytes(whole)
    with pytest.raises(InputError, match=r"a\.parquet cannot be read"):
        contents(tmp_path / "a.parquet")
