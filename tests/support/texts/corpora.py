"""Small corpora, and what a run of `raner annotate` has written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.texts.examples import NEWS

Fields = dict[str, Any]


def records(count: int) -> list[Fields]:
    """Records with an id and a text that no other record has."""
    return [{"id": number, "text": f"{NEWS[number % len(NEWS)]}{number}"} for number in range(count)]


def write_jsonl(path: Path, rows: list[Fields]) -> Path:
    """Write JSON lines; returns the path."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def read_parts(output: Path) -> list[Fields]:
    """The records of all JSON parts, in order."""
    lines = (line for part in sorted(output.glob("part-*.jsonl")) for line in part.read_text("utf-8").splitlines())
    return [json.loads(line) for line in lines]


def contents(output: Path) -> dict[str, bytes]:
    """Every file of a finished run by its name."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and path.name != "_lock"
    }
