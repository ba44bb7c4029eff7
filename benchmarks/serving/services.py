"""Start the contenders, and measure their processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import get_args

from benchmarks.serving.apps import CHECKPOINT
from loadtest.tuner.measurement import ServiceMeter
from ner_runtime.inference.span_rules import PAIRS, QUOTES
from ner_runtime.json import to_json
from ner_runtime.manifest import read_manifest
from ner_runtime.models.convert.build import build_model_directory
from ner_runtime.models.convert.sample import sample_sentences
from ner_runtime.models.registry.calibration import engine_options, read_calibration
from ner_runtime.serving.lifecycle.service_process import ROOT, free_port, service_process, stop, wait_until_ready
from ner_runtime.settings import Settings
from tests.support.models.checkpoints import BASE, write_checkpoint

CHARS = 45
_OUTSIDE = 0.9
"""Share of the characters whose most likely label is O. A text then has about three entities, as with the embedded
model; with the default of `Recipe`, it has more than four times as many."""
_IDLE_CPUS = 0.1
_MARKS = frozenset("".join(PAIRS) + QUOTES)
_numbers = count(1)


@dataclass(frozen=True)
class Models:
    """The directories of the models: a checkpoint of the base geometry, and the models made from it."""

    checkpoint: Path
    fp32: Path
    int8: Path


@dataclass(frozen=True)
class Contender:
    """A running contender."""

    name: str
    port: int
    meter: ServiceMeter

    def settle(self) -> None:
        """Wait until it is idle: an overloaded server works on requests whose clients are gone."""
        while True:
            before = self.meter.cpu_s()
            time.sleep(0.3)
            if self.meter.cpu_s() - before < 0.3 * _IDLE_CPUS:
                return


def prepare_models(directory: Path) -> Models:
    """Make the models, unless the directory has them: random weights, the geometry of the published base models."""
    models = Models(directory / "checkpoint", directory / "fp32", directory / "int8")
    if not (models.checkpoint / "configuration.json").is_file():
        write_checkpoint(models.checkpoint, BASE, outside=_OUTSIDE)
    if not (models.fp32 / "model.json").is_file():
        build_model_directory(models.checkpoint, models.fp32, "base", "fp32")
    if not (models.int8 / "model.json").is_file():
        # Random weights agree less with their INT8 form than trained ones; speed does not depend on it.
        build_model_directory(models.checkpoint, models.int8, "base", "int8", min_agreement=0.0)
    return models


def calibrate(models: Models) -> str:
    """Calibrate the INT8 model for one thread, unless that was done, and return the engine that `auto` uses.

    The result is kept beside the models, so that the calibrations of the user do not count.
    """
    os.environ["BENTOML_HOME"] = str(models.int8.parent.resolve() / "home")
    manifest = read_manifest(models.int8)
    if read_calibration(manifest, 1) is None:
        command = [sys.executable, "-m", "ner_runtime.cli", "bench", "--calibrate", "--threads", "1", "--json"]
        # A process of its own: the engines would stay in the memory of this one.
        subprocess.run([*command, "--model", str(models.int8)], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    options = engine_options(manifest, engine="auto", device="cpu", threads=1, max_batch_tokens=0)
    return options.engine if options.precision_hint == "f32" else f"{options.engine} {options.precision_hint}"


def engines() -> tuple[str, ...]:
    """The engines that the service can be set to."""
    return get_args(Settings.model_fields["engine"].annotation)


@contextmanager
def ours(name: str, model: Path | str, **settings: str) -> Generator[Contender]:
    """Run RaNER Service with one worker of one thread and no cache, unless `settings` change it."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("RANER_")}
    fixed = {"RANER_MODEL": str(model), "RANER_WORKERS": "1", "RANER_THREADS": "1", "RANER_CACHE_URL": "off"}
    fixed |= {"RANER_LOG_LEVEL": "warning", "RANER_DRAIN_S": "0", "RANER_TIMEOUT_S": "600"}
    with service_process({**fixed, **settings}, environment=variables) as service:
        yield Contender(name, int(service.url.rpartition(":")[2]), ServiceMeter(service.process.pid))


@contextmanager
def app(name: str, factory: str, checkpoint: Path) -> Generator[Contender]:
    """Run an application of `apps.py` with one uvicorn process."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", f"benchmarks.serving.apps:{factory}", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--log-level", "warning", "--no-access-log"],
        cwd=ROOT,
        env={**os.environ, CHECKPOINT: str(checkpoint)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", 120, process)
        yield Contender(name, port, ServiceMeter(process.pid))
    finally:
        stop(process)


def texts(length: int = CHARS) -> Iterator[str]:
    """Yield texts of `length` characters that never repeat.

    They have no quotes, brackets or book-title marks. With random weights, a span often contains only one mark of a
    pair. The service splits such a span and reads its parts again, which costs another run of the engine. A trained
    model rarely finds such a span.
    """
    sentences = "".join(sentence for sentence in sample_sentences() if _MARKS.isdisjoint(sentence))
    sentences *= length // len(sentences) + 2
    while True:
        number = next(_numbers)
        start = number * 7 * CHARS % (len(sentences) - length)
        yield f"{number}{sentences[start : start + length]}"[:length]


def bodies(length: int = CHARS) -> Iterator[bytes]:
    """Yield bodies for `POST /ner` whose texts never repeat."""
    return (to_json({"text": text}) for text in texts(length))


def batch_bodies(size: int) -> Iterator[bytes]:
    """Yield bodies for `POST /ner/batch` whose texts never repeat."""
    source = texts()
    while True:
        yield to_json({"texts": [next(source) for _ in range(size)]})


def repeated_bodies(number: int = 64) -> Iterator[bytes]:
    """Yield the same few bodies again and again."""
    source = texts()
    kept = [to_json({"text": next(source)}) for _ in range(number)]
    while True:
        yield from kept
