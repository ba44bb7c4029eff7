"""Startup: load the settings and the models, verify them, and exit with a one-line message if anything is wrong."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ner_runtime.entities import type_colors
from ner_runtime.errors import RanerError
from ner_runtime.manifest import Manifest, read_manifest
from ner_runtime.models.acquire.pull_process import pull_if_missing
from ner_runtime.models.convert.self_check import run_self_check
from ner_runtime.models.registry.calibration import EngineOptions, engine_options
from ner_runtime.models.registry.resolve import resolve_model
from ner_runtime.recognizer import Recognizer
from ner_runtime.serving.answering.memory import release_memory
from ner_runtime.serving.api.responses import LimitsItem, ModelDescription
from ner_runtime.serving.lifecycle.lexicon_folder import check_lexicons
from ner_runtime.settings import Settings, load_settings, unknown_variables

_log = logging.getLogger("raner.startup")


def settings_or_exit() -> Settings:
    """Load the settings; if one is invalid, exit with a one-line message."""
    try:
        return load_settings()
    except RanerError as error:
        _exit(error)


def warn_of_unknown_variables(environ: Mapping[str, str]) -> None:
    """Log a warning for each variable `RANER_*` that is not a setting, such as a misspelled one."""
    for name, similar in unknown_variables(environ).items():
        hint = f"; did you mean {similar}?" if similar else ""
        _log.warning("%s is not a setting of the service and is ignored%s", name, hint)


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model that is ready to serve.

    failure: why the substitute was opened instead of the configured model; None if the configured model was opened
    """

    recognizer: Recognizer
    directory: Path
    failure: str | None = None


def check_or_exit(settings: Settings) -> None:
    """Check that every lexicon can be loaded and every configured model can be served; pull missing models first.

    Raises:
        SystemExit: a lexicon or a model cannot be used; the message is one line.
    """
    if settings.lexicons:
        try:
            check_lexicons(Path(settings.lexicons), settings.default_lexicons)
        except RanerError as error:
            _exit(error)
    for name, reference in settings.served_models.items():
        try:
            pull_if_missing(reference)
        except RanerError as error:
            _exit(_named(name, error, settings))
        open_or_exit(name, settings, None)
        release_memory()


def open_or_exit(name: str, settings: Settings, substitute: Path | None) -> OpenedModel:
    """Open a configured model.

    Args:
        name: name of the model in the settings
        settings: the settings of the service
        substitute: model directory to open instead if the configured model cannot be served

    Raises:
        SystemExit: neither model can be served; the message is one line.
    """
    try:
        directory = resolve_model(settings.served_models[name]).resolve()
        return OpenedModel(open_model(directory, settings), directory)
    except RanerError as error:
        if substitute is None:
            _exit(_named(name, error, settings))
        try:
            return OpenedModel(open_model(substitute, settings), substitute, error.message)
        except RanerError:
            _exit(_named(name, error, settings))


def open_model(directory: Path, settings: Settings) -> Recognizer:
    """Load a model and run its self-check.

    With `RANER_ENGINE=auto`, ONNX Runtime takes the place of an engine that was calibrated and fails now.

    Raises:
        RanerError: see `Recognizer.open` and `run_self_check`.
    """
    manifest = read_manifest(directory)
    options = _engine_options(manifest, settings)
    try:
        return _open_with(directory, settings, options)
    except RanerError as error:
        if settings.engine != "auto" or options.engine == "onnxruntime":
            raise
        _log.warning(
            "the calibrated engine %s cannot be used, ONNX Runtime is used instead: %s; "
            "calibrate again with `raner bench --calibrate`",
            options.engine,
            error.message,
        )
    # Outside of the handler: the exception would keep what was opened in memory.
    return _open_with(
        directory, settings, _engine_options(manifest, settings.model_copy(update={"engine": "onnxruntime"}))
    )


def _open_with(directory: Path, settings: Settings, options: EngineOptions) -> Recognizer:
    recognizer = Recognizer.open(
        directory,
        threads=settings.threads_per_worker,
        device=settings.device,
        **options.model_dump(),
    )
    run_self_check(recognizer, directory)
    return recognizer


def _engine_options(manifest: Manifest, settings: Settings) -> EngineOptions:
    return engine_options(
        manifest,
        engine=settings.engine,
        device=settings.device,
        threads=settings.threads_per_worker,
        max_batch_tokens=settings.max_batch_tokens,
    )


def describe(manifest: Manifest, settings: Settings, recognizer: Recognizer | None = None) -> ModelDescription:
    """Describe a model and the settings of the service for `/model`.

    Args:
        manifest: the model
        settings: the settings of the service
        recognizer: the opened model; its engine may be another one than the calibrated one
    """
    options = _engine_options(manifest, settings) if recognizer is None else _options_of(recognizer)
    return ModelDescription(
        name=manifest.name,
        version=manifest.version,
        source=manifest.source,
        types=list(manifest.types),
        default_types=list(manifest.default_types),
        colors=type_colors(manifest.types, manifest.colors),
        precision=manifest.precision,
        agreement=manifest.agreement,
        engine=options.engine,
        precision_hint=options.precision_hint,
        max_batch_tokens=options.max_batch_tokens,
        device=settings.device,
        workers=settings.workers,
        threads=settings.threads_per_worker,
        limits=LimitsItem(
            max_chars=settings.max_chars,
            max_texts=settings.max_texts,
            max_body_bytes=settings.max_body_bytes,
            max_concurrency=settings.max_concurrency,
            timeout_s=settings.timeout_s,
            max_lexicon_entries=settings.max_lexicon_entries,
        ),
    )


def _options_of(recognizer: Recognizer) -> EngineOptions:
    """Return the options that a recognizer was opened with."""
    engine, _, hint = recognizer.engine_name.partition(" ")
    values = {"engine": engine, "precision_hint": hint or "f32", "max_batch_tokens": recognizer.max_batch_tokens}
    return EngineOptions.model_validate(values)


def _named(name: str, error: RanerError, settings: Settings) -> RanerError:
    """Return the error with the name of the model in front, if several models are configured."""
    return RanerError(f"RANER_MODELS: {name}: {error.message}") if settings.models else error


def _exit(error: RanerError) -> NoReturn:
    raise SystemExit(f"raner: {error.message}")
