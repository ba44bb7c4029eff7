"""Store model directories under tags NAME:VERSION in BentoML's model store, so that a bento can include them.

    $BENTOML_HOME/models/NAME/VERSION/     model.onnx, crf.npz, vocab.txt, model.json and BentoML's model.yaml
    $BENTOML_HOME/models/NAME/latest       the newest version, written for BentoML

A model is added by one rename and never changes afterwards. VERSION is the version of its manifest, a digest of its
contents. Models are looked up in the served bento, if it has its own models, and then in BentoML's home.
BentoML is imported only when needed, because importing it is slow and the embedded model does not need it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ner_runtime.atomic_files import write_atomically
from ner_runtime.errors import ModelNotFound, RanerError, StoreError
from ner_runtime.manifest import MODEL_FILE, Manifest, Source, read_manifest
from ner_runtime.models.registry.active import store_home
from ner_runtime.models.registry.staging import temporary_directory
from ner_runtime.settings import ACTIVE_MODEL, EMBEDDED_MODEL
from ner_runtime.upstream.private import (
    create_stored_model,
    get_stored_model,
    model_store_root,
    open_model_store,
    served_model_store,
)

if TYPE_CHECKING:
    from ner_runtime.upstream.private import ModelStore

MAX_NAME = 63
_NAME = re.compile(r"[a-z0-9]([-._a-z0-9]*[a-z0-9])?")
_HUB_ID = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w./-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model in the store."""

    tag: str
    directory: Path
    manifest: Manifest
    imported: datetime
    made_with: Mapping[str, str]
    """How it was built: the requested `precision`, the version of this package and, if given, `min_agreement`."""


def check_name(name: str) -> str:
    """Return the name unchanged if it is valid for a stored model.

    Raises:
        StoreError: the name is not valid.
    """
    if name in (ACTIVE_MODEL, EMBEDDED_MODEL):
        raise StoreError(f"{name!r} is a reserved name; choose another name for the model")
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise StoreError(
            f"{name!r} is not a valid name for a model; allowed: at most {MAX_NAME} of a-z, 0-9, '-', '_' and '.', "
            "beginning and ending with a letter or a digit"
        )
    return name


def name_from_source(text: str) -> str:
    """Return a valid model name derived from a directory or a hub id."""
    name = re.sub(r"[^-._a-z0-9]+", "-", text.rsplit("/", 1)[-1].lower())[:MAX_NAME].strip("-._")
    return f"{name}-model" if name in (ACTIVE_MODEL, EMBEDDED_MODEL) else name or "model"


def split_hub_id(reference: str) -> tuple[str, str | None] | None:
    """Split `owner/name[@revision]` into id and revision; None if the reference is not a hub id."""
    found = _HUB_ID.fullmatch(reference)
    return (found[1], found[2]) if found else None


def stored_models() -> list[StoredModel]:
    """Return all stored models, sorted by name, the newest of a name first. Unreadable models are skipped."""
    found: dict[str, StoredModel] = {}
    for store in _stores():
        for path in model_store_root(store).glob(f"*/*/{MODEL_FILE}"):
            with contextlib.suppress(RanerError):
                model = _load(store, path.parent)
                found.setdefault(model.tag, model)
    newest_first = sorted(found.values(), key=lambda model: model.imported, reverse=True)
    return sorted(newest_first, key=lambda model: model.manifest.name)


def find_model(reference: str) -> StoredModel | None:
    """Return the stored model with this tag, or the newest one with this name or hub id; None if not found.

    Raises:
        InvalidModel, StoreError: the model with this tag is damaged.
    """
    name, _, version = reference.partition(":")
    name = name.lower()
    if version not in ("", "latest"):
        if _NAME.fullmatch(name) and _NAME.fullmatch(version):
            for store in _stores():
                directory = model_store_root(store) / name / version
                if (directory / MODEL_FILE).is_file():
                    return _load(store, directory)
        return None
    hub = split_hub_id(reference)
    for model in stored_models():
        if model.manifest.name == name or (hub and _matches(model.manifest.source, *hub)):
            return model
    return None


def get_model(reference: str) -> StoredModel:
    """Return the stored model with this tag, name or hub id; see `find_model`.

    Raises:
        ModelNotFound: no stored model matches; the message lists the stored models.
    """
    model = find_model(reference)
    if model is None:
        stored = ", ".join(model.tag for model in stored_models())
        raise ModelNotFound(f"no stored model {reference!r}; stored models: {stored or 'none'}")
    return model


def add_model(directory: Path, manifest: Manifest, made_with: Mapping[str, str]) -> StoredModel:
    """Move the files of a complete model directory into the store. A model that is already stored stays unchanged.

    Raises:
        StoreError: the name is not valid, or the store cannot be written.
    """
    name, version = check_name(manifest.name), manifest.version
    store = open_model_store(store_home() / "models")
    target = model_store_root(store) / name / version
    with store_errors(), temporary_directory() as folder:
        # BentoML does not add models atomically, so it writes model.yaml into a temporary store.
        with create_stored_model(open_model_store(folder), f"{name}:{version}", made_with):
            pass
        made = folder / name / version
        for file in directory.iterdir():
            file.chmod(0o444)
            file.rename(made / file.name)
        # BentoML makes a directory that only its owner can read: a container runs the service as another user.
        made.chmod(0o755)
        for path in (*made.iterdir(), made):
            _sync(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            made.rename(target)
        except OSError:
            # The same version may exist already, or another process may have added it in the meantime.
            if not target.is_dir():
                raise
        write_atomically(target.parent / "latest", version.encode())
        _sync(target.parent)
    return _load(store, target)


@contextlib.contextmanager
def store_errors() -> Generator[None]:
    """Convert an OSError raised in the block, such as a full disk, into a StoreError.

    Raises:
        StoreError: the block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename or store_home()} cannot be written: {error.strerror or error}") from None


def _matches(source: Source, id_: str, revision: str | None) -> bool:
    return source.id == id_ and revision in (None, source.revision)


def _load(store: ModelStore, directory: Path) -> StoredModel:
    manifest = read_manifest(directory)
    tag = f"{directory.parent.name}:{directory.name}"
    try:
        model = get_stored_model(store, tag)
    except Exception as error:  # noqa: BLE001 - of many types, such as those of the YAML parser
        raise StoreError(f"{directory} is damaged: {' '.join(str(error).split())}") from None
    made_with = {str(name): str(value) for name, value in model.info.metadata.items()}
    return StoredModel(tag, directory, manifest, model.creation_time, made_with)


def _stores() -> list[ModelStore]:
    """Return the model stores to search: first the served bento's, if it has its own models, then BentoML's home."""
    from bentoml.exceptions import BentoMLException

    stores = [open_model_store(store_home() / "models")]
    with contextlib.suppress(BentoMLException, OSError):
        if (served := served_model_store()) is not None:
            stores.insert(0, served)
    return stores


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
