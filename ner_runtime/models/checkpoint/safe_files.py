"""Open files of an untrusted checkpoint directory: only regular files inside it, and only up to a maximum size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ner_runtime.errors import InvalidCheckpoint

MAX_JSON_BYTES = 2**20
MAX_VOCAB_BYTES = 16 * 2**20
MAX_WEIGHTS_BYTES = 16 * 2**30


def file_inside(directory: Path, name: str) -> Path | None:
    """Return the path `directory/name`, or None if the file does not exist.

    Raises:
        InvalidCheckpoint: the path is a link to a path outside the directory, or not a regular file.
    """
    path = directory / name
    if not path.exists() and not path.is_symlink():
        return None
    if not path.resolve().is_relative_to(directory.resolve()):
        raise InvalidCheckpoint(f"{path} is a link out of its directory")
    if not path.is_file():
        raise InvalidCheckpoint(f"{path} is not a regular file")
    return path


def read_json(directory: Path, name: str) -> dict[str, Any] | None:
    """Return the JSON object in `directory/name`, or None if the file does not exist.

    Raises:
        InvalidCheckpoint: the file is too large, not JSON, or not a JSON object.
    """
    path = file_inside(directory, name)
    if path is None:
        return None
    if path.stat().st_size > MAX_JSON_BYTES:
        raise InvalidCheckpoint(f"{path} is larger than {MAX_JSON_BYTES // 2**20} MiB")
    try:
        value: object = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise InvalidCheckpoint(f"{path} is not JSON") from None
    if not isinstance(value, dict):
        raise InvalidCheckpoint(f"{path} is not a JSON object")
    return value
