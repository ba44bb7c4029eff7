"""Store: model directories under tags, NAME:VERSION, in BentoML's model store, so that a bento can carry them.

    $BENTOML_HOME/models/NAME/VERSION/     model.onnx, crf.npz, vocab.txt, model.json and BentoML's model.yaml
    $BENTOML_HOME/models/NAME/latest       BentoML's: the version that came last

A stored model appears by one rename and is never changed afterwards; VERSION is that of its manifest, which is its
content's. Read are BentoML's home and, where a bento brings models of its own, those. BentoML is imported when it is
needed and not before: the embedded model does not need it. Which model is active is `active.py`'s business.
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
from ner_runtime.models.registry.staging import scratch
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
    """What was asked for when it was made: `precision`, and the version of this package that made it."""


def check_name(name: str) -> str:
    """The name, if a model may be stored under it.

    Raises:
        StoreError: it may not.
    """
    if name in (ACTIVE_MODEL, EMBEDDED_MODEL):
        raise StoreError(f"no model can be named {name!r}: that name means another one")
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise StoreError(
            f"{name!r} is no name for a model; allowed: at most {MAX_NAME} of a-z, 0-9, '-', '_' and '.', "
            "the first and the last of them a letter or a digit"
        )
    return name


def name_of(text: str) -> str:
    """A name for a model, after a directory or a hub id."""
    name = re.sub(r"[^-._a-z0-9]+", "-", text.rsplit("/", 1)[-1].lower())[:MAX_NAME].strip("-._")
    return f"{name}-model" if name in (ACTIVE_MODEL, EMBEDDED_MODEL) else name or "model"


def split_hub_id(reference: str) -> tuple[str, str | None] | None:
    """`owner/name` and the revision of `owner/name@revision`; None where a reference is no hub id."""
    found = _HUB_ID.fullmatch(reference)
    return (found[1], found[2]) if found else None


def stored_models() -> list[StoredModel]:
    """All models of the store, by name, the newest of a name first. What cannot be read is left out."""
    found: dict[str, StoredModel] = {}
    for store in _stores():
        for path in model_store_root(store).glob(f"*/*/{MODEL_FILE}"):
            with contextlib.suppress(RanerError):
                model = _read(store, path.parent)
                found.setdefault(model.tag, model)
    newest_first = sorted(found.values(), key=lambda model: model.imported, reverse=True)
    return sorted(newest_first, key=lambda model: model.manifest.name)


def find_model(reference: str) -> StoredModel | None:
    """The stored model of a tag; the newest one of a name or of a hub id. None where there is none.

    Raises:
        InvalidModel, StoreError: a tag's model is damaged.
    """
    name, _, version = reference.partition(":")
    if version and version != "latest" and _NAME.fullmatch(name) and _NAME.fullmatch(version):
        for store in _stores():
            directory = model_store_root(store) / name / version
            if (directory / MODEL_FILE).is_file():
                return _read(store, directory)
        return None
    hub = split_hub_id(reference)
    for model in stored_models():
        if model.manifest.name == name.lower() or (hub and _is_of(model.manifest.source, *hub)):
            return model
    return None


def get_model(reference: str) -> StoredModel:
    """As `find_model`.

    Raises:
        ModelNotFound: there is none; the message says which there are.
    """
    model = find_model(reference)
    if model is None:
        there = ", ".join(model.tag for model in stored_models())
        raise ModelNotFound(f"no model {reference!r} is stored; there is {there or 'none yet'}")
    return model


def put_model(directory: Path, manifest: Manifest, made_with: Mapping[str, str]) -> StoredModel:
    """Move a complete model directory into the store; nothing is left of it where the store holds it already.

    Raises:
        StoreError: its name cannot be stored under, or the store cannot be written to.
    """
    name, version = check_name(manifest.name), manifest.version
    store = open_model_store(store_home() / "models")
    target = model_store_root(store) / name / version
    with store_errors(), scratch() as folder:
        # BentoML copies into its store file by file, so it makes its own file elsewhere.
        with create_stored_model(open_model_store(folder), f"{name}:{version}", made_with):
            pass
        made = folder / name / version
        for file in directory.iterdir():
            file.chmod(0o444)
            file.rename(made / file.name)
        for path in (*made.iterdir(), made):
            _sync(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            made.rename(target)
        except OSError:
            # The same content may be there already, or may just have come from another process.
            if not target.is_dir():
                raise
        write_atomically(target.parent / "latest", version.encode())
        _sync(target.parent)
    return _read(store, target)


@contextlib.contextmanager
def store_errors() -> Generator[None]:
    """A full disk or a store that cannot be written to, as one of our errors.

    Raises:
        StoreError: the block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename or store_home()} cannot be written: {error.strerror or error}") from None


def _is_of(source: Source, id_: str, revision: str | None) -> bool:
    return source.id == id_ and revision in (None, source.revision)


def _read(store: ModelStore, directory: Path) -> StoredModel:
    from bentoml.exceptions import BentoMLException

    manifest = read_manifest(directory)
    tag = f"{directory.parent.name}:{directory.name}"
    try:
        model = get_stored_model(store, tag)
    except (BentoMLException, ValueError, OSError) as error:
        raise StoreError(f"{directory} is damaged: {error}") from None
    made_with = {str(name): str(value) for name, value in model.info.metadata.items()}
    return StoredModel(tag, directory, manifest, model.creation_time, made_with)


def _stores() -> list[ModelStore]:
    """BentoML's home's and, first, that of the bento which is served, where that brings models."""
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
