"""`raner redact` and `raner redact --restore`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import Raner
from tests.support.raner import json_lines, raner

TEXT = "马云在杭州，电话13800138000。"
KEY = "a-key-of-some-length"


def test_a_text_on_the_command_line() -> None:
    [result] = json_lines(raner("redact", TEXT, "--operator", 'PHONE={"type": "mask", "keep_end": 4}'))
    assert result["text"] == "<PER_1>在<LOC_1>，电话*******8000。"
    assert [one["span"] for one in result["replacements"]] == ["马云", "杭州", "13800138000"]


def test_lines_are_redacted_and_restored_with_their_other_fields(
    tmp_path: Path, run_raner: Raner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANER_REDACT_KEY", KEY)
    lines = [
        {"id": 1, "title": TEXT, "data": 5, "meta": "x"},
        {"id": 2, "title": ""},
        {"title": "<PER_1>和马云 \ud800"},
    ]
    source, redacted = tmp_path / "in.jsonl", tmp_path / "redacted.jsonl"
    source.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    run = run_raner("redact", "--input", str(source), "--field", "title", "--operator", "LOC=hash")
    for line, result in zip(lines, map(json.loads, run.out.splitlines()), strict=True):
        assert result.get("id") == line.get("id")
        assert "马云" not in result["title"]
    redacted.write_text(run.out, encoding="utf-8")
    run = run_raner("redact", "--restore", "--input", str(redacted), "--field", "title")
    assert list(map(json.loads, run.out.splitlines())) == lines


def test_placeholders_of_a_changed_text_are_restored(tmp_path: Path, run_raner: Raner) -> None:
    result = json.loads(run_raner("redact", TEXT).out)
    file = tmp_path / "changed.jsonl"
    file.write_text(json.dumps({**result, "text": "摘要：<PER_1>，<PHONE_1>。"}), encoding="utf-8")
    restored = run_raner("redact", "--restore-placeholders", "--input", str(file)).out
    assert json.loads(restored) == {"text": "摘要：马云，13800138000。"}
    run = run_raner("redact", "--restore", "--input", str(file))
    assert (run.status, run.out) == (1, "")
    assert run.only_line.endswith("line 1: the replacements are not those of this text, or the text was changed")


def test_names_of_a_lexicon_are_replaced(tmp_path: Path, run_raner: Raner) -> None:
    (tmp_path / "brands.tsv").write_text("蔚来\tBRAND\n", encoding="utf-8")
    run = run_raner("redact", "他买了蔚来。", "--lexicon", str(tmp_path / "brands.tsv"), "--operator", "BRAND=mask")
    assert json.loads(run.out)["text"] == "他买了**。"


def test_only_the_text_can_be_printed(run_raner: Raner) -> None:
    run = run_raner("redact", TEXT, "--types", "PER", "--patterns", "", "--operator", "PER=remove", "--format", "text")
    assert run.out == "在杭州，电话13800138000。\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--operator", "PER=encrypt"], 2, "type should be one of"),
        (["--types", ""], 1, "unknown entity type ''"),
        (["--operator", "PER"], 2, "such as PER=mask"),
        (["--operator", 'PER={"type": '], 2, "not JSON"),
        (["--operator", "DOG=mask"], 1, "operators: unknown type 'DOG'"),
        (["--operator", "PER=hash"], 1, "operators.PER: no key; "),
        (["--patterns", "PHONES"], 2, "unknown pattern"),
        (["--field", "replacements"], 2, "the output has its list in the field replacements"),
        (["--restore"], 2, "--restore takes no value; name the file with --input FILE"),
        (["--restore-placeholders"], 2, "--restore-placeholders takes no value"),
        (["--restore", "--restore-placeholders"], 2, "give either --restore or --restore-placeholders"),
    ],
)
def test_wrong_usage_is_refused(arguments: list[str], status: int, message: str, run_raner: Raner) -> None:
    run = run_raner("redact", TEXT, *arguments)
    assert (run.status, run.out) == (status, "")
    assert message in run.err
