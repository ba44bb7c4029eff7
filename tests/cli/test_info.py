"""`raner info`."""

from __future__ import annotations

from pathlib import Path

from ner_runtime.embedded import embedded_model
from tests.support.raner import json_lines, raner


def test_description_as_json_and_as_a_table() -> None:
    [manifest] = json_lines(raner("info", "--json"))
    assert manifest["name"] == "raner-mini"
    table = raner("info").stdout
    assert b"raner-mini" in table
    assert b"sentence by sentence" in table


def test_table_is_not_cut_without_a_terminal(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.symlink_to(embedded_model())
    assert str(folder) in raner("info", str(folder)).stdout.decode()
