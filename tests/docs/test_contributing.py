"""CONTRIBUTING.md says which tests cover a module that has no test file of its own name."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.servers.service import REPOSITORY

PAGE = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
TESTED = ("ner_runtime", "loadtest", "training", "benchmarks/accuracy")
NOT_TESTED = ("__init__.py", "__main__.py")


def coverage_table() -> dict[str, str]:
    """The second column of the table by each module or folder that the first column names."""
    rows = re.findall(r"^\| (`.+`) \| (.+) \|$", PAGE.partition("\n## Tests\n")[2], re.MULTILINE)
    return {name: tests for names, tests in rows for name in re.findall(r"`([^`]+)`", names)}


def namesake(module: Path) -> Path:
    """The test file that mirrors a module."""
    folder = module.parent.relative_to("ner_runtime") if module.parts[0] == "ner_runtime" else module.parent
    return REPOSITORY / "tests" / folder / f"test_{module.name}"


def modules_without_a_namesake() -> set[str]:
    files = (file.relative_to(REPOSITORY) for top in TESTED for file in (REPOSITORY / top).rglob("*.py"))
    return {file.as_posix() for file in files if file.name not in NOT_TESTED and not namesake(file).exists()}


def test_each_module_has_a_namesake_test_or_a_row() -> None:
    named = set(coverage_table())
    folders = tuple(name for name in named if name.endswith("/"))
    assert {module for module in modules_without_a_namesake() - named if not module.startswith(folders)} == set()


def test_each_row_names_modules_without_a_namesake() -> None:
    modules = {name for name in coverage_table() if not name.endswith("/")}
    assert modules <= modules_without_a_namesake()


def test_the_tests_that_are_named_exist() -> None:
    named = {path for tests in coverage_table().values() for path in re.findall(r"`([^`]+)`", tests)}
    assert {path for path in named if not (REPOSITORY / path).exists()} == set()
