"""Columns of Parquet files whose names are not unique, or whose types the output does not support."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from ner_runtime.corpus.columns import check_columns
from ner_runtime.corpus.plan import OutputFormat
from ner_runtime.corpus.sources import find_sources
from ner_runtime.errors import InputError


def check(path: Path, table: Any, output_format: OutputFormat = OutputFormat.JSONL) -> None:
    parquet.write_table(table, path / "a.parquet")
    check_columns(find_sources(path), output_format)


@pytest.mark.parametrize(
    ("column", "type_"),
    [
        (pa.array([0], pa.timestamp("us")), "timestamp[us]"),
        (pa.array([b"a"]), "binary"),
        (pa.array([Decimal("1.5")]), "decimal128(2, 1)"),
        (pa.array([[{"a": b"b"}]]), "list<element: struct<a: binary>>"),
    ],
)
def test_json_has_no_form_for_some_types(tmp_path: Path, column: Any, type_: str) -> None:
    table = pa.table({"text": ["a"], "extra": column})
    with pytest.raises(InputError) as error:
        check(tmp_path, table)
    assert str(error.value).endswith(f"JSON has no form for the column 'extra' of type {type_}; use --format parquet")
    check(tmp_path, table, OutputFormat.PARQUET)


def test_json_has_a_form_for_the_other_types(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "text": pa.array(["a"]).dictionary_encode(),
        "large": pa.array(["a"], pa.large_string()),
        "number": [1.5],
        "flag": [True],
        "nested": [[{"a": 1, "b": None}]],
    }
    check(tmp_path, pa.table(columns))


def test_columns_of_the_same_name_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two columns have the name 'text'"):
        check(tmp_path, pa.table([["a"], ["b"]], names=["text", "text"]), OutputFormat.PARQUET)


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"a\.parquet cannot be read: "):
        check_columns(find_sources(tmp_path), OutputFormat.PARQUET)
