"""The READMEs and the settings pages are correct: commands exist, examples return what they show, tables match."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from ner_runtime.cli.app import app
from ner_runtime.entities import Entity
from ner_runtime.settings import Settings, settings_table
from scripts.compose_check import COMPOSE_ONLY
from scripts.readme import (
    CHINESE,
    CHINESE_SETTINGS,
    ENGLISH,
    ENGLISH_SETTINGS,
    REPOSITORY,
    accuracy_table,
    chinese_settings_table,
    part,
    response_of,
    with_part,
)

READMES = pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=lambda path: path.name)
DOCUMENTS = [
    ENGLISH,
    CHINESE,
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "static" / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
EACH_DOCUMENT = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())


def comparable(response: dict[str, Any]) -> dict[str, Any]:
    """A response without the fields that differ from run to run or from model to model."""
    meta = {name: value for name, value in response["meta"].items() if name not in ("timings_ms", "version", "cached")}
    data = [{name: value for name, value in entity.items() if name != "score"} for entity in response["data"]]
    return {**response, "data": data, "meta": meta}


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub makes of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@READMES
def test_the_curl_command_returns_the_response_shown(readme: Path, service_url: str) -> None:
    text = readme.read_text(encoding="utf-8")
    shown = json.loads(part(text, "response").strip().removeprefix("```json").removesuffix("```"))
    response = response_of(text, service_url)
    assert comparable(response) == comparable(shown)
    assert set(response["meta"]["timings_ms"]) == set(shown["meta"]["timings_ms"])


@READMES
def test_the_python_example_runs(readme: Path) -> None:
    [example] = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - the code comes from this repository's README
    assert [entity.span for entity in names["entities"]] == ["马云", "杭州"]
    assert all(isinstance(entity, Entity) for entity in names["entities"])


@READMES
def test_the_raner_commands_and_their_options_exist(readme: Path) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    calls = re.findall(r"^\.venv/bin/raner (\w+)([^#\n]*)", readme.read_text(encoding="utf-8"), re.MULTILINE)
    assert calls
    for name, arguments in calls:
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", arguments)) <= options, name


def test_the_settings_table_matches_the_code() -> None:
    assert part(ENGLISH_SETTINGS.read_text(encoding="utf-8"), "settings").strip() == settings_table()


def test_the_chinese_settings_table_matches_the_code_and_is_translated() -> None:
    table = part(CHINESE_SETTINGS.read_text(encoding="utf-8"), "settings")
    assert chinese_settings_table(table) == table
    rows = [row for row in table.splitlines() if row.startswith("| `RANER_")]
    assert len(rows) == len(Settings.model_fields)
    for row in rows:
        assert re.search("[\u4e00-\u9fff]", row.split(" | ")[3]), f"not translated: {row}"


def test_a_new_setting_gets_a_row_and_a_removed_one_loses_its_row() -> None:
    table = part(CHINESE_SETTINGS.read_text(encoding="utf-8"), "settings")
    without_port = "\n".join(row for row in table.splitlines() if "RANER_PORT" not in row)
    [english] = [row for row in settings_table().splitlines() if "RANER_PORT" in row]
    assert english in chinese_settings_table(without_port)
    assert chinese_settings_table(f"{table}| `RANER_REMOVED` | `1` | 1 | 已删除 |\n") == table


def test_a_missing_marker_is_an_error() -> None:
    assert with_part("a <!-- x -->1<!-- /x --> b", "x", "2") == "a <!-- x -->2<!-- /x --> b"
    with pytest.raises(SystemExit, match="found it 0 times"):
        with_part("no marker", "x", "2")


@READMES
def test_no_placeholder_is_left(readme: Path) -> None:
    assert "@@" not in readme.read_text(encoding="utf-8")


@EACH_DOCUMENT
def test_links_lead_to_files_and_headings(document: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", document.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path = document.parent / target if target else document
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path), f"{target}#{anchor}"


@EACH_DOCUMENT
def test_make_targets_exist(document: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(
        r"\bmake ([a-z][a-z-]*)\b(?=`|\s+#|$)", document.read_text(encoding="utf-8"), re.MULTILINE
    ):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@EACH_DOCUMENT
def test_settings_that_are_named_exist(document: Path) -> None:
    known = {f"RANER_{name.upper()}" for name in Settings.model_fields}
    # Variables of Compose, the Makefile, the tests and the load test are not settings of the service.
    known |= COMPOSE_ONLY | {
        "RANER_URL",
        "RANER_API_KEY",
        "RANER_FAULT_SECONDS",
        "RANER_FUZZ_EXAMPLES",
        "RANER_SOAK_MINUTES",
    }
    named = set(re.findall(r"\bRANER_[A-Z_]+[A-Z]\b", document.read_text(encoding="utf-8")))
    assert named <= known


@READMES
def test_the_scores_are_the_measured_ones(readme: Path) -> None:
    assert part(readme.read_text(encoding="utf-8"), "accuracy") == accuracy_table()
