"""Two models whose responses differ: the embedded one, and a copy of it with the labels PER and LOC swapped."""

from __future__ import annotations

import shutil
from pathlib import Path

from ner_runtime.embedded import embedded_model
from ner_runtime.manifest import Manifest, file_sha256, read_manifest, write_manifest

SWAPPED = {"PER": "LOC", "LOC": "PER"}
LEFT, RIGHT = "left", "right"
"""The versions of the two models; both are named `twin`."""


def make_twin(directory: Path, version: str) -> Manifest:
    """Write the model directory of one of the two models."""
    directory.mkdir(parents=True)
    manifest = read_manifest(embedded_model())
    for file in manifest.files:
        text = embedded_model() / file
        if text.suffix == ".jsonl" and version == RIGHT:
            (directory / file).write_text(_renamed(text.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copyfile(text, directory / file)
    labels = [label if version == LEFT else _renamed(label) for label in manifest.labels]
    files = {file: file_sha256(directory / file) for file in manifest.files}
    twin = manifest.model_copy(
        update={"name": "twin", "version": version, "labels": tuple(labels), "agreement": None, "files": files}
    )
    write_manifest(directory, twin)
    return twin


def served_link(folder: Path) -> Path:
    """A symbolic link to the model `left`; the models `right` and `bad`, which is damaged, are beside it."""
    for name, version in (("left", LEFT), ("right", RIGHT), ("bad", RIGHT)):
        make_twin(folder / name, version)
    damage(folder / "bad")
    switch(folder / "served", folder / "left")
    return folder / "served"


def damage(directory: Path) -> None:
    """Flip a bit of the weights, as a failing disk does."""
    weights = bytearray((directory / "model.onnx").read_bytes())
    weights[len(weights) // 2] ^= 1
    (directory / "model.onnx").write_bytes(weights)


def types_of(version: str, types: list[str]) -> list[str]:
    """The types that a twin finds where the embedded model finds `types`."""
    return types if version == LEFT else [SWAPPED.get(type_, type_) for type_ in types]


def switch(link: Path, directory: Path) -> None:
    """Point a symbolic link at another model directory, atomically."""
    new = link.with_name(f".{link.name}")
    new.symlink_to(directory)
    new.rename(link)


def _renamed(text: str) -> str:
    return text.replace("PER", "\0").replace("LOC", "PER").replace("\0", "LOC")
