"""pyproject.toml declares every package that the code imports, and no other."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
STANDARD_LIBRARY = sys.stdlib_module_names | {"compression"}  # `compression` since Python 3.14
OWN = {"benchmarks", "loadtest", "ner_runtime", "scripts", "service", "tests", "training"}

EXTRAS = {
    "service.py": (),
    "ner_runtime": ("bulk", "hub", "openvino"),
    "loadtest": ("loadtest",),
    "training": ("train",),
    "benchmarks": ("dev",),
    "docs": ("dev",),
    "examples": ("dev",),
    "scripts": ("dev",),
    "tests": ("dev",),
}
"""The extras that the code of a folder may import, besides the dependencies."""

NOT_IMPORTED = {
    "uvloop": "BentoML's workers use it if it is installed",
    "cyclonedx-bom": "a command",
    "import-linter": "a command",
    "openapi-python-client": "a command",
    "pip-audit": "a command",
    "pre-commit": "a command",
    "pyright": "a command",
    "ruff": "a command",
    "pytest-xdist": "a pytest plugin",
    "schemathesis": "a pytest plugin",
    "uv": "a command",
    "addict": "modelscope imports it",
    "datasets": "modelscope imports it",
    "scipy": "modelscope imports it",
    "simplejson": "modelscope imports it",
    "sortedcontainers": "modelscope imports it",
}

NOT_DECLARED = {
    "adaseq": "tests/support/programs/adaseq_oracle.py made the expected outputs of tests/parity; no test runs it",
}


def normalized(name: str) -> str:
    """A package name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(extras: tuple[str, ...]) -> set[str]:
    """The packages of the dependencies and of some extras."""
    requirements: list[str] = list(PROJECT["dependencies"])
    for extra in extras:
        requirements += PROJECT["optional-dependencies"][extra]
    names: set[str] = set()
    for requirement in requirements:
        name, own_extras = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", requirement).groups()  # type: ignore[union-attr]
        if normalized(name) == "ner-runtime":
            names |= declared(tuple(own_extras.split(",")))
        else:
            names.add(normalized(name))
    return names


def imported_modules(folder: str) -> Iterator[tuple[str, Path]]:
    """The top-level modules that the code of a folder imports, without those of Python and of this repository."""
    path = REPOSITORY / folder
    for file in [path] if path.is_file() else path.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for module in {name.partition(".")[0] for name in names} - OWN - STANDARD_LIBRARY - NOT_DECLARED.keys():
                yield module, file


# It reads the metadata of every installed package.
providers = cache(packages_distributions)


@cache
def imported_packages(folder: str) -> dict[str, set[str]]:
    """For each module that the code of a folder imports, the packages that provide it: several for a namespace."""
    return {
        f"{module} ({file.relative_to(REPOSITORY)})": {normalized(name) for name in providers().get(module, [module])}
        for module, file in imported_modules(folder)
    }


def all_imported() -> set[str]:
    """The packages that any code imports."""
    return {name for folder in EXTRAS for names in imported_packages(folder).values() for name in names}


@pytest.mark.parametrize("folder", EXTRAS)
def test_every_imported_package_is_declared(folder: str) -> None:
    allowed = declared(EXTRAS[folder])
    assert [module for module, packages in imported_packages(folder).items() if not packages & allowed] == []


def test_every_declared_package_is_imported() -> None:
    assert declared(tuple(PROJECT["optional-dependencies"])) - all_imported() - NOT_IMPORTED.keys() == set()


def test_exceptions_are_needed() -> None:
    assert NOT_IMPORTED.keys() & all_imported() == set()
    assert NOT_IMPORTED.keys() <= declared(tuple(PROJECT["optional-dependencies"]))


@pytest.mark.parametrize("lock", ["serve", "dev"])
def test_locks_hold_every_declared_package(lock: str) -> None:
    lines = (REPOSITORY / "requirements" / f"{lock}.txt").read_text(encoding="utf-8").splitlines()
    locked = {normalized(line.split("==")[0]) for line in lines if re.match(r"[A-Za-z0-9]", line)}
    assert declared(("dev",) if lock == "dev" else ()) - locked == set()
