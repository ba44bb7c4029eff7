"""Keep what `raner bench --calibrate` found: the engine to use for a model on this machine, and its batch size.

    $BENTOML_HOME/raner/calibration/KEY.json

KEY is a digest of the model's version, the number of threads, the processor, the versions of the engines and that of
the selection rule, so that a change of any of them invalidates a calibration. Without a calibration, ONNX Runtime and
the default batch size are used; nothing is measured at startup.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ner_runtime.atomic_files import write_atomically
from ner_runtime.cpus import processor_name
from ner_runtime.errors import StoreError
from ner_runtime.inference.engine import Device, EngineName, PrecisionHint, default_batch_tokens
from ner_runtime.manifest import Manifest
from ner_runtime.models.registry.active import raner_home

ENGINES: tuple[EngineName, ...] = ("onnxruntime", "openvino")
MAX_BATCH_TOKENS = 262_144
"""Largest token budget of a batch, as in the settings."""


_RULE = "rule 5"
"""Version of the rule that selects the options, `cli.bench.calibration`, and of how an engine runs a model; change it
with them: older calibrations are then not used."""


class EngineOptions(BaseModel):
    """An engine, its precision hint and the token budget of its batches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: EngineName
    precision_hint: PrecisionHint = "f32"
    max_batch_tokens: int = Field(ge=1, le=MAX_BATCH_TOKENS)


class Calibration(BaseModel):
    """The best options of each installed engine, the engine to use first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engines: tuple[EngineOptions, ...]

    def options(self, engine: EngineName | None) -> EngineOptions | None:
        """Return the options of an engine, or of the first one; None if it was not measured."""
        return next((options for options in self.engines if engine in (None, options.engine)), None)


def read_calibration(manifest: Manifest, threads: int) -> Calibration | None:
    """Return the calibration of a model on this machine; None if there is none that can be read."""
    try:
        return Calibration.model_validate_json(_path(manifest, threads).read_bytes())
    except (OSError, ValidationError):
        return None


def write_calibration(manifest: Manifest, threads: int, calibration: Calibration) -> Path:
    """Store a calibration; return its file.

    Raises:
        StoreError: the file cannot be written.
    """
    path = _path(manifest, threads)
    try:
        write_atomically(path, calibration.model_dump_json(indent=2).encode() + b"\n")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}") from None
    return path


def engine_options(
    manifest: Manifest,
    *,
    engine: Literal["auto", "onnxruntime", "openvino"],
    device: Device,
    threads: int,
    max_batch_tokens: int,
) -> EngineOptions:
    """Return the options to open a model with.

    Args:
        manifest: the model
        engine: `RANER_ENGINE`
        device: `RANER_DEVICE`; a calibration applies to `cpu` only
        threads: threads of one inference
        max_batch_tokens: `RANER_MAX_BATCH_TOKENS`; 0 takes the calibrated value, or else the default
    """
    named = None if engine == "auto" else engine
    calibration = read_calibration(manifest, threads) if device == "cpu" else None
    found = calibration.options(named) if calibration else None
    default = default_batch_tokens(manifest.geometry.hidden, device)
    options = found or EngineOptions(engine=named or "onnxruntime", max_batch_tokens=default)
    return options.model_copy(update={"max_batch_tokens": max_batch_tokens}) if max_batch_tokens else options


def installed_engines() -> list[EngineName]:
    """Return the engines whose packages are installed."""
    return [engine for engine in ENGINES if _version(engine)]


def _path(manifest: Manifest, threads: int) -> Path:
    versions = (f"{engine} {_version(engine)}" for engine in ENGINES)
    parts = [manifest.version, manifest.precision, str(threads), processor_name(), *versions, _RULE]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
    return raner_home() / "calibration" / f"{name}.json"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
