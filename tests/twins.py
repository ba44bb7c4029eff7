"""Two models that can be told apart by every answer: the embedded one, and a twin that calls people places."""

from __future__ import annotations

import shutil
from pathlib import Path

from ner_runtime.embedded import embedded_model
from ner_runtime.manifest import FILES, read_manifest, write_manifest

SWAPPED = {"PER": "LOC", "LOC": "PER"}
LEFT, RIGHT = "leftleftleft", "rightrightrt"
"""The versions of the two."""


def make_twins(folder: Path) -> tuple[Path, Path]:
    """Write the two model directories, `left` and `right`, which differ in their labels and their version."""
    left = _copy(folder / "left", LEFT, {})
    right = _copy(folder / "right", RIGHT, SWAPPED)
    return left, right


def types_of(version: str, types: list[str]) -> list[str]:
    """What a twin calls what the embedded model calls `types`."""
    return types if version == LEFT else [SWAPPED.get(type_, type_) for type_ in types]


def _copy(directory: Path, version: str, renamed: dict[str, str]) -> Path:
    directory.mkdir(parents=True)
    embedded = embedded_model()
    for file in FILES:
        shutil.copyfile(embedded / file, directory / file)
    manifest = read_manifest(embedded)
    labels = tuple(
        f"{label[:2]}{renamed.get(label[2:], label[2:])}" if "-" in label else label for label in manifest.labels
    )
    write_manifest(
        directory, manifest.model_copy(update={"name": "twin", "version": version, "labels": labels, "agreement": None})
    )
    return directory
