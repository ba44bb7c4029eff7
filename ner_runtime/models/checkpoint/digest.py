"""Contents: which files of a checkpoint matter, how large they may be, and one digest for them all.

The digest is the same for a directory and for the hub's listing of it, so that what is stored can be compared with
either without reading the weights again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from ner_runtime.errors import InvalidCheckpoint
from ner_runtime.manifest import VOCAB_FILE, file_sha256
from ner_runtime.models.checkpoint.safe_files import MAX_JSON_BYTES, MAX_VOCAB_BYTES, MAX_WEIGHTS_BYTES, file_inside
from ner_runtime.models.checkpoint.state_dict import SAFETENSORS_FILE, TORCH_FILE

_LARGEST = {
    "configuration.json": MAX_JSON_BYTES,
    "config.json": MAX_JSON_BYTES,
    "label_mapping.json": MAX_JSON_BYTES,
    "tokenizer_config.json": MAX_JSON_BYTES,
    VOCAB_FILE: MAX_VOCAB_BYTES,
    TORCH_FILE: MAX_WEIGHTS_BYTES,
    SAFETENSORS_FILE: MAX_WEIGHTS_BYTES,
}
JSON_FILES = tuple(name for name, largest in _LARGEST.items() if largest == MAX_JSON_BYTES)
_REQUIRED = ("config.json", VOCAB_FILE)
_WEIGHTS = (TORCH_FILE, SAFETENSORS_FILE)  # only the first that is there is read


def is_read(name: str) -> bool:
    """Whether a checkpoint's file of that name is ever read."""
    return name in _LARGEST


def needed_files(present: Iterable[str]) -> list[str]:
    """Those of the files present that are read, the weights last.

    Raises:
        InvalidCheckpoint: one that must be there is not.
    """
    names = set(present)
    missing = [name for name in _REQUIRED if name not in names]
    weights = [name for name in _WEIGHTS if name in names][:1]
    if missing or not weights:
        what = missing[0] if missing else " or ".join(_WEIGHTS)
        raise InvalidCheckpoint(f"this is no RaNER checkpoint: there is no {what}")
    return [name for name in _LARGEST if name in names and name not in _WEIGHTS] + weights


def check_size(name: str, size: int) -> None:
    """Refuse a file that is larger than a file of that name has reason to be.

    Raises:
        InvalidCheckpoint: it is.
    """
    if size > _LARGEST[name]:
        raise InvalidCheckpoint(f"{name} is {size:,} bytes large; allowed: {_LARGEST[name]:,}")


def checkpoint_digest(sha256_of: Mapping[str, str]) -> str:
    """One hex sha256 for the files that are read, from the sha256 of each."""
    lines = "".join(f"{sha256_of[name]}  {name}\n" for name in sorted(sha256_of))
    return hashlib.sha256(lines.encode()).hexdigest()


def directory_digest(directory: Path) -> str:
    """`checkpoint_digest` of a directory.

    Raises:
        InvalidCheckpoint: a file is missing, too large, no regular one, or leads out of the directory.
    """
    if not directory.is_dir():
        raise InvalidCheckpoint(f"{directory} is not a directory")
    paths = {name: path for name in _LARGEST if (path := file_inside(directory, name))}
    needed = {name: paths[name] for name in needed_files(paths)}
    for name, path in needed.items():
        check_size(name, path.stat().st_size)
    return checkpoint_digest({name: file_sha256(path) for name, path in needed.items()})
