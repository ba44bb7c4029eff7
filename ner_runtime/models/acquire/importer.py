"""Import a checkpoint from a directory or the hub into the store.

    directory ─────────────────────────────┐
    hub ─▶ download and sha256 comparison ─┴▶ conversion ─▶ store

An interrupted import leaves the store unchanged. The service does not import this module, because it needs PyTorch.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
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
from ner_runtime.models.checkpoint.digest import JSON_FILES, directory_digest, files_to_read
from ner_runtime.models.checkpoint.label_mapping import read_labels
from ner_runtime.models.registry.staging import discard_pulls, resumable_directory, temporary_directory
from ner_runtime.models.registry.store import (
    StoredModel,
    add_model,
    check_name,
    find_model,
    name_from_source,
    split_hub_id,
    store_errors,
    stored_models,
)

_NEEDED = ("torch", "transformers", "onnx", "modelscope_hub")
_SPACE = 3
"""Required disk space, as a multiple of the size of the weights: the download, the FP32 model and the INT8 model."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of an import. `new` is false if the store already had the same model."""

    model: StoredModel
    new: bool


def import_directory(
    directory: Path,
    progress: Progress,
    *,
    name: str | None = None,
    precision: Precision = "int8",
    min_agreement: float | None = None,
) -> ImportResult:
    """Import a ModelScope directory; do nothing if the same files were already imported under the same name.

    Args:
        directory: the checkpoint; it is not changed
        progress: prints what is being done
        name: the name in the store; default: derived from the directory
        precision: `int8` or `fp32`
        min_agreement: lowest entity F1 of INT8 against FP32 at which INT8 is used; default: `MIN_AGREEMENT`

    Raises:
        UnsupportedCheckpoint, InvalidCheckpoint, InvalidModel, MissingExtra: see `build_model_directory`.
        StoreError: the name is not valid, or the store cannot be written.
    """
    require_hub_extra("importing a model")
    own_name = os.path.basename(os.path.abspath(directory))  # of `..` too, but of a link, not of what it leads to
    name = check_name(name or name_from_source(own_name))
    if not directory.is_dir():
        raise InvalidCheckpoint(f"{directory} is not a directory")
    read_configuration(directory)
    source = Source(id=own_name, digest=directory_digest(directory))
    return import_checkpoint(directory, name, precision, source, progress, min_agreement)


def pull_model(
    reference: str,
    progress: Progress,
    *,
    revision: str | None = None,
    name: str | None = None,
    precision: Precision = "int8",
    min_agreement: float | None = None,
) -> ImportResult:
    """Download a model from the hub and import it; do nothing if the same files were already imported.

    An interrupted pull is resumed. The configuration is downloaded and checked before the weights are downloaded.

    Args:
        reference: `owner/name` or `owner/name@revision`
        progress: prints what is being done
        revision: a branch or tag; default: the revision in `reference`, or `master`
        name: the name in the store; default: derived from the id
        precision: `int8` or `fp32`
        min_agreement: see `import_directory`

    Raises:
        InvalidValue: `reference` is not a hub id.
        HubUnavailable: the hub cannot be reached, or does not have the model.
        Others: see `import_directory`.
    """
    require_hub_extra("pulling a model")
    hub_id = split_hub_id(reference)
    if hub_id is None:
        raise InvalidValue(f"{reference!r} is not a hub id; expected owner/name or owner/name@revision")
    name = check_name(name or name_from_source(hub_id[0]))
    try:
        listing = list_model(hub_id[0], revision or hub_id[1] or DEFAULT_REVISION)
    except HubUnavailable as error:
        before = find_model(reference)
        raise HubUnavailable(f"{error.message}; {before.tag} is in the store" if before else error.message) from None
    source = Source(id=listing.model_id, revision=listing.revision)
    with suppress(InvalidCheckpoint):
        source = source.model_copy(update={"digest": listing.digest})
        before = find_imported(name, source, _made_with(precision, min_agreement))
        if before:
            return ImportResult(before, new=False)
    prefix = hashlib.sha256(str(source.hub).encode()).hexdigest()[:12]
    pull = f"{prefix}-{listing.key[:12]}"
    discard_pulls(prefix, keep=pull)
    waiting = partial(progress.say, f"waiting for another process that is pulling {reference}")
    with store_errors(), resumable_directory(pull, waiting) as folder:
        files, cache = folder / "files", folder / "cache"
        progress.say(f"pulling {source.hub}")
        first = [file for file in JSON_FILES if file in listing.files]
        download(listing, first, files, cache, lambda _more: None)
        read_configuration(files)
        read_labels(files)
        rest = [file for file in files_to_read(listing.files) if file not in first]
        _check_space(folder, _SPACE * listing.size(rest))
        present = [file for file in rest if (files / file).exists()]
        with progress.download(listing.size(rest)) as advance:
            advance(listing.size(present))
            download(listing, rest, files, cache, advance)
        return import_checkpoint(files, name, precision, source, progress, min_agreement)


def import_checkpoint(
    directory: Path,
    name: str,
    precision: Precision,
    source: Source,
    progress: Progress,
    min_agreement: float | None = None,
) -> ImportResult:
    """Import a checkpoint directory from a known source; see `import_directory`."""
    made_with = _made_with(precision, min_agreement)
    before = find_imported(name, source, made_with)
    if before:
        return ImportResult(before, new=False)
    from ner_runtime.models.convert.agreement import MIN_AGREEMENT
    from ner_runtime.models.convert.build import build_model_directory

    with store_errors(), temporary_directory() as folder:
        manifest = build_model_directory(
            directory,
            folder / "model",
            name,
            precision,
            source=source,
            min_agreement=MIN_AGREEMENT if min_agreement is None else min_agreement,
            progress=progress.say,
        )
        return ImportResult(add_model(folder / "model", manifest, made_with), new=True)


def find_imported(name: str, source: Source, made_with: dict[str, str]) -> StoredModel | None:
    """Return the stored model with the same name, source, files and build options, or None."""
    for model in stored_models():
        known = model.manifest
        same_source = (known.source.digest, known.source.hub) == (source.digest, source.hub)
        if known.name == name and same_source and model.made_with == made_with:
            return model
    return None


def require_hub_extra(action: str) -> None:
    """Check that the packages of the extra `hub` are installed.

    Args:
        action: the operation that needs the packages, for the error message

    Raises:
        MissingExtra: a package is not installed.
    """
    for package in _NEEDED:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(f"{action} needs the package {package}: pip install 'ner_runtime[hub]'")


def _made_with(precision: Precision, min_agreement: float | None = None) -> dict[str, str]:
    try:
        own = version("ner_runtime")
    except PackageNotFoundError:
        own = "unknown"
    lowered = {} if min_agreement is None else {"min_agreement": str(min_agreement)}
    return {"precision": precision, "ner_runtime": own, **lowered}


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StoreError(f"{folder.parent} has {decimal(free)} of free space; about {decimal(needed)} are needed")
