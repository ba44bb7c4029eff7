"""Start: what must be right before a worker takes requests, and one line to say what is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ner_runtime.entities import type_colors
from ner_runtime.errors import RanerError
from ner_runtime.manifest import Manifest
from ner_runtime.models.acquire.pull_process import pull_if_missing
from ner_runtime.models.convert.self_check import check_sample
from ner_runtime.models.registry.resolve import locate_model
from ner_runtime.recognizer import Recognizer
from ner_runtime.serving.lifecycle.memory import give_back
from ner_runtime.settings import Settings, load_settings


def settings_or_exit() -> Settings:
    """The settings; a wrong one ends the process with one line."""
    try:
        return load_settings()
    except RanerError as error:
        _exit(error)


@dataclass(frozen=True, slots=True)
class Opened:
    """A model that can be served, its directory, and why it is not the one that was asked for, where it is not."""

    recognizer: Recognizer
    directory: Path
    failure: str | None = None


def check_or_exit(settings: Settings) -> None:
    """See to it that the model can be served; where it cannot, the process ends with one line."""
    try:
        pull_if_missing(settings.model)
    except RanerError as error:
        _exit(error)
    open_or_exit(settings, None)
    give_back()


def open_or_exit(settings: Settings, substitute: Path | None) -> Opened:
    """The model to serve, loaded, warm and right; where that fails, the process ends with one line.

    Args:
        substitute: a model directory to serve rather than end, where the one asked for cannot be served
    """
    try:
        directory = locate_model(settings.model).resolve()
        return Opened(open_model(directory, settings), directory)
    except RanerError as error:
        if substitute is None:
            _exit(error)
        try:
            return Opened(open_model(substitute, settings), substitute, error.message)
        except RanerError:
            _exit(error)


def open_model(directory: Path, settings: Settings) -> Recognizer:
    """A model of these settings, loaded, warm and right.

    Raises:
        RanerError: see `Recognizer.open` and `check_sample`.
    """
    recognizer = Recognizer.open(
        directory,
        threads=settings.threads_per_worker,
        engine=settings.engine,
        device=settings.device,
        max_batch_tokens=settings.max_batch_tokens,
    )
    check_sample(recognizer, directory)
    return recognizer


def describe(manifest: Manifest, settings: Settings) -> dict[str, object]:
    """What `/model` says of the model that answers."""
    return {
        "name": manifest.name,
        "version": manifest.version,
        "source": manifest.source.model_dump(),
        "types": list(manifest.types),
        "default_types": list(manifest.default_types),
        "colors": type_colors(manifest.types, manifest.colors),
        "precision": manifest.precision,
        "agreement": manifest.agreement.model_dump() if manifest.agreement else None,
        "engine": settings.engine,
        "device": settings.device,
        "workers": settings.workers,
        "threads": settings.threads_per_worker,
        "limits": {
            "max_chars": settings.max_chars,
            "max_texts": settings.max_texts,
            "max_body_bytes": settings.max_body_bytes,
            "max_concurrency": settings.max_concurrency,
            "timeout_s": settings.timeout_s,
        },
    }


def _exit(error: RanerError) -> NoReturn:
    raise SystemExit(f"raner: {error.message}")
