"""Select the files of a checkpoint to read, limit their sizes, and compute one digest of them.

The digest of a directory equals that of its listing on the hub, so that a stored model can be compared with the hub
without downloading the weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from ner_runtime.errors import InvalidCheckpoint
from ner_runtime.manifest import UNIGRAM_FILE, VOCAB_FILE, file_sha256
from ner_runtime.models.checkpoint.safe_files import MAX_JSON_BYTES, MAX_VOCAB_BYTES, MAX_WEIGHTS_BYTES, file_inside
from ner_runtime.models.checkpoint.state_dict import SAFETENSORS_FILE, TORCH_FILE

_MAX_BYTES = {
    "configuration.json": MAX_JSON_BYTES,
    "config.json": MAX_JSON_BYTES,
    "label_mapping.json": MAX_JSON_BYTES,
    "tokenizer_config.json": MAX_JSON_BYTES,
    VOCAB_FILE: MAX_VOCAB_BYTES,
    UNIGRAM_FILE: MAX_VOCAB_BYTES,
    TORCH_FILE: MAX_WEIGHTS_BYTES,
    SAFETENSORS_FILE: MAX_WEIGHTS_BYTES,
}
JSON_FILES = tuple(name for name, size in _MAX_BYTES.items() if size == MAX_JSON_BYTES)
_WEIGHTS = (TORCH_FILE, SAFETENSORS_FILE)  # only the first one that exists is read
_REQUIRED = (("config.json",), (VOCAB_FILE, UNIGRAM_FILE), _WEIGHTS)
"""A checkpoint has at least one file of each group. `tokenizer.json` has the same vocabulary as `UNIGRAM_FILE`."""


def is_checkpoint_file(name: str) -> bool:
    """Return whether a file of this name belongs to a checkpoint."""
    return name in _MAX_BYTES


def files_to_read(present: Iterable[str]) -> list[str]:
    """Select the files to read from those present; the weights come last.

    Raises:
        InvalidCheckpoint: a required file is missing.
    """
    names = set(present)
    for group in _REQUIRED:
        if names.isdisjoint(group):
            raise InvalidCheckpoint(f"this is not a RaNER checkpoint: {' or '.join(group)} is missing")
    weights = [name for name in _WEIGHTS if name in names][:1]
    return [name for name in _MAX_BYTES if name in names and name not in _WEIGHTS] + weights


def check_size(name: str, size: int) -> None:
    """Check the size of a file against the maximum for its name.

    Raises:
        InvalidCheckpoint: the file is too large.
    """
    if size > _MAX_BYTES[name]:
        raise InvalidCheckpoint(f"{name} has {size:,} bytes; allowed: {_MAX_BYTES[name]:,}")


def checkpoint_digest(sha256_of: Mapping[str, str]) -> str:
    """Return one sha256 in hex for a set of files, computed from the sha256 of each file."""
    lines = "".join(f"{sha256_of[name]}  {name}\n" for name in sorted(sha256_of))
    return hashlib.sha256(lines.encode()).hexdigest()


def directory_digest(directory: Path) -> str:
    """Return the `checkpoint_digest` of a directory.

    Raises:
        InvalidCheckpoint: a file is missing, too large, not a regular file, or a link to a path outside the directory.
    """
    if not directory.is_dir():
        raise InvalidCheckpoint(f"{directory} is not a directory")
    paths = {name: path for name in _MAX_BYTES if (path := file_inside(directory, name))}
    needed = {name: paths[name] for name in files_to_read(paths)}
    for name, path in needed.items():
        check_size(name, path.stat().st_size)
    return checkpoint_digest({name: file_sha256(path) for name, path in needed.items()})
