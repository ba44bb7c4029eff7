"""Intake: a checkpoint, on disk or at the hub, into the store.

    directory ───────────────────────────┐
    hub ─▶ download, compared by sha256 ─┴▶ importer ─▶ store

Whoever is interrupted here leaves the store as it was. Nothing here is imported by the service: it needs PyTorch.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.filesize import decimal

from ner_runtime.errors import HubUnavailable, InvalidCheckpoint, InvalidValue, MissingExtra, StoreError
from ner_runtime.manifest import Precision, Source
from ner_runtime.models.acquire.hub import DEFAULT_REVISION, download, list_model
from ner_runtime.models.acquire.progress import Progress
from ner_runtime.models.checkpoint.configuration import read_configuration
from ner_runtime.models.checkpoint.digest import JSON_FILES, directory_digest, needed_files
from ner_runtime.models.checkpoint.label_mapping import read_labels
from ner_runtime.models.registry.staging import forget, kept, scratch
from ner_runtime.models.registry.store import (
    StoredModel,
    check_name,
    find_model,
    name_of,
    put_model,
    split_hub_id,
    store_errors,
    stored_models,
)

_NEEDED = ("torch", "transformers", "onnx", "modelscope_hub")
_SPACE = 4
"""Times the weights: the download, the FP32 model twice while scales are measured, the INT8 model."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A model that was taken in, or that had been before."""

    model: StoredModel
    new: bool


def import_directory(
    directory: Path, progress: Progress, *, name: str | None = None, precision: Precision = "int8"
) -> Taken:
    """Take in a ModelScope directory. Where the same was taken in before under that name, nothing is done.

    Args:
        directory: the checkpoint; it is only read
        progress: told what is being done
        name: to store it under; by default after the directory
        precision: `int8`, or `fp32`

    Raises:
        UnsupportedCheckpoint, InvalidCheckpoint, InvalidModel, MissingExtra: see `build_model_directory`.
        StoreError: the name is not allowed, or the store cannot be written to.
    """
    check_extra("importing a model")
    name = check_name(name or name_of(directory.absolute().name))
    if not directory.is_dir():
        raise InvalidCheckpoint(f"{directory} is not a directory")
    read_configuration(directory)
    source = Source(id=directory.absolute().name, digest=directory_digest(directory))
    return take_in(directory, name, precision, source, progress)


def pull_model(
    reference: str,
    progress: Progress,
    *,
    revision: str | None = None,
    name: str | None = None,
    precision: Precision = "int8",
) -> Taken:
    """Take in a model from the hub. Where the same was taken in before, nothing is downloaded.

    A pull that broke off goes on from there. The weights are not downloaded before it is clear that they are of use.

    Args:
        reference: `owner/name`, or `owner/name@revision`
        progress: told what is being done
        revision: a branch or a tag; by default that of `reference`, or `master`
        name: to store it under; by default after the id
        precision: `int8`, or `fp32`

    Raises:
        InvalidValue: `reference` is no hub id.
        HubUnavailable: the hub cannot be reached, or holds no such model.
        Others: see `import_directory`.
    """
    check_extra("pulling a model")
    hub_id = split_hub_id(reference)
    if hub_id is None:
        raise InvalidValue(f"{reference!r} is no id at the hub; one looks like owner/name, or owner/name@revision")
    name = check_name(name or name_of(hub_id[0]))
    try:
        listing = list_model(hub_id[0], revision or hub_id[1] or DEFAULT_REVISION)
    except HubUnavailable as error:
        before = find_model(reference)
        raise HubUnavailable(f"{error.message}; {before.tag} is in the store" if before else error.message) from None
    source = Source(id=listing.model_id, revision=listing.revision)
    with suppress(InvalidCheckpoint):
        source = source.model_copy(update={"digest": listing.digest})
        before = taken_before(name, source, _made_with(precision))
        if before:
            return Taken(before, new=False)
    shelf = hashlib.sha256(str(source.hub).encode()).hexdigest()[:12]
    kept_as = f"{shelf}-{listing.key[:12]}"
    forget(shelf, but=kept_as)
    waiting = partial(progress.say, f"waiting for another process that pulls {reference}")
    with store_errors(), kept(kept_as, waiting) as folder:
        files, cache = folder / "files", folder / "cache"
        progress.say(f"pulling {source.hub}")
        first = [file for file in JSON_FILES if file in listing.files]
        download(listing, first, files, cache, lambda _more: None)
        read_configuration(files)
        read_labels(files)
        rest = [file for file in needed_files(listing.files) if file not in first]
        _check_space(folder, _SPACE * listing.size(rest))
        there = [file for file in rest if (files / file).exists()]
        with progress.download(listing.size(rest)) as advance:
            advance(listing.size(there))
            download(listing, rest, files, cache, advance)
        return take_in(files, name, precision, source, progress)


def take_in(directory: Path, name: str, precision: Precision, source: Source, progress: Progress) -> Taken:
    """As `import_directory`, for a directory whose source and digest are known."""
    made_with = _made_with(precision)
    before = taken_before(name, source, made_with)
    if before:
        return Taken(before, new=False)
    from ner_runtime.models.convert.build import build_model_directory

    with store_errors(), scratch() as folder:
        manifest = build_model_directory(
            directory, folder / "model", name, precision, source=source, progress=progress.say
        )
        return Taken(put_model(folder / "model", manifest, made_with), new=True)


def taken_before(name: str, source: Source, made_with: dict[str, str]) -> StoredModel | None:
    """The model that was made of the same files in the same way, under the same name."""
    for model in stored_models():
        known = model.manifest
        same_source = (known.source.digest, known.source.hub) == (source.digest, source.hub)
        if known.name == name and same_source and model.made_with == made_with:
            return model
    return None


def check_extra(what: str) -> None:
    """Refuse at once where the packages that `what` needs are not installed.

    Raises:
        MissingExtra: one of them is not.
    """
    for package in _NEEDED:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(f"{what} needs {package}, which serving does not: pip install 'ner_runtime[hub]'")


def _made_with(precision: Precision) -> dict[str, str]:
    try:
        own = version("ner_runtime")
    except PackageNotFoundError:
        own = "unknown"
    return {"precision": precision, "ner_runtime": own}


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StoreError(f"{folder.parent} has {decimal(free)} free; about {decimal(needed)} are needed")
