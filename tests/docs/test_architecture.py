"""docs/architecture.md names the modules and the errors that exist."""

from __future__ import annotations

import re

import pytest

from ner_runtime.serving.api.errors import STATUSES
from tests.support.servers.service import REPOSITORY

PACKAGE = REPOSITORY / "ner_runtime"
PAGE = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
REQUEST_PATH = ("inference", "serving/answering", "serving/http", "serving/telemetry")
MODEL_LIFE = ("models/acquire", "models/checkpoint", "models/convert", "models/registry")


def section(heading: str) -> str:
    """The text under a heading of the second level."""
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def modules(folder: str) -> set[str]:
    """The modules of a folder and of the folders in it, relative to the package."""
    files = (PACKAGE / folder).rglob("*.py")
    return {file.relative_to(PACKAGE).as_posix() for file in files if file.name != "__init__.py"}


def named_in(text: str) -> set[str]:
    """The modules that a text names."""
    return set(re.findall(r"[\w/]+/\w+\.py", text))


def test_every_module_that_is_named_exists() -> None:
    named = named_in(PAGE)
    assert named
    assert {name for name in named if not (PACKAGE / name).is_file()} == set()


@pytest.mark.parametrize("folder", REQUEST_PATH)
def test_the_request_path_names_every_module_of(folder: str) -> None:
    assert modules(folder) <= named_in(section("Request path"))


@pytest.mark.parametrize("folder", MODEL_LIFE)
def test_the_life_of_a_model_names_every_module_of(folder: str) -> None:
    assert modules(folder) <= named_in(section("A model's life"))


def test_the_processes_and_the_request_path_name_every_module_of_the_lifecycle() -> None:
    assert modules("serving/lifecycle") <= named_in(section("Processes")) | named_in(section("Request path"))


def test_the_error_table_matches_the_code() -> None:
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", section("Errors"), re.MULTILINE)
    assert {code: int(status) for status, code in rows} == dict(STATUSES)
