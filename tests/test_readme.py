"""The READMEs tell the truth: what they tell people to type works, and what they show is what comes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ner_runtime.settings import Settings, settings_table
from scripts.readme import CHINESE, ENGLISH, REPOSITORY, answer_of, chinese_settings_table, part, with_part

READMES = pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=lambda path: path.name)
DOCUMENTS = [ENGLISH, CHINESE, *(REPOSITORY / "docs").glob("*.md"), REPOSITORY / "CONTRIBUTING.md"]


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what differs from run to run and from model to model."""
    meta = {name: value for name, value in answer["meta"].items() if name not in ("timings_ms", "version", "cached")}
    data = [{name: value for name, value in entity.items() if name != "score"} for entity in answer["data"]]
    return {**answer, "data": data, "meta": meta}


@READMES
def test_the_curl_call_gives_the_answer_that_is_shown(readme: Path, service_url: str) -> None:
    text = readme.read_text(encoding="utf-8")
    shown = json.loads(part(text, "answer").strip().removeprefix("```json").removesuffix("```"))
    given = answer_of(text, service_url)
    assert comparable(given) == comparable(shown)
    assert set(given["meta"]["timings_ms"]) == set(shown["meta"]["timings_ms"])


def test_the_settings_are_those_of_the_code() -> None:
    assert part(ENGLISH.read_text(encoding="utf-8"), "settings").strip() == settings_table()


def test_the_settings_in_chinese_are_those_of_the_code_and_are_translated() -> None:
    table = part(CHINESE.read_text(encoding="utf-8"), "settings")
    assert chinese_settings_table(table) == table
    rows = [row for row in table.splitlines() if row.startswith("| `RANER_")]
    assert len(rows) == len(Settings.model_fields)
    for row in rows:
        assert re.search("[\u4e00-\u9fff]", row.split(" | ")[3]), f"not translated: {row}"


def test_a_new_setting_gets_a_row_and_a_gone_one_loses_it() -> None:
    table = part(CHINESE.read_text(encoding="utf-8"), "settings")
    lacking = "\n".join(row for row in table.splitlines() if "RANER_PORT" not in row)
    assert "| `RANER_PORT` | `3000` | 1 to 65535 | The port of `make serve`. |" in chinese_settings_table(lacking)
    assert chinese_settings_table(f"{table}| `RANER_GONE` | `1` | 1 | 没有了 |\n") == table


def test_a_part_that_is_not_marked_is_not_guessed() -> None:
    assert with_part("a <!-- x -->1<!-- /x --> b", "x", "2") == "a <!-- x -->2<!-- /x --> b"
    with pytest.raises(SystemExit, match="0 times"):
        with_part("no marks", "x", "2")


@READMES
def test_nothing_is_left_to_fill_in(readme: Path) -> None:
    assert "@@" not in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_exist(document: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(
        r"\bmake ([a-z][a-z-]*)\b(?=`|\s+#|$)", document.read_text(encoding="utf-8"), re.MULTILINE
    ):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@READMES
def test_the_scores_are_those_that_were_measured(readme: Path) -> None:
    measured = (REPOSITORY / "docs" / "accuracy.md").read_text(encoding="utf-8")
    assert part(readme.read_text(encoding="utf-8"), "accuracy").strip() == measured.strip()
