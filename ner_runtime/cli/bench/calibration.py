"""Measure the engines of this machine for a model: `raner bench --calibrate`.

An engine, or a precision hint, is used only if its entities agree with those of ONNX Runtime and with the model's check
sentences, and if the entities of a text do not depend on the texts that share its batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ner_runtime.cli.bench.ladder import bench_sentences
from ner_runtime.entities import Entity
from ner_runtime.errors import InvalidModel, RanerError
from ner_runtime.inference.engine import EngineName, PrecisionHint
from ner_runtime.models.convert.agreement import MIN_AGREEMENT, entity_f1
from ner_runtime.models.convert.sample import sample_sentences
from ner_runtime.models.convert.self_check import run_self_check
from ner_runtime.models.registry.calibration import Calibration, EngineOptions, installed_engines
from ner_runtime.recognizer import EncodedWindow, Recognizer

BUDGETS: tuple[int, ...] = (128, 256, 512, 1024, 2048, 4096)
ROUNDS = 3
CHECKED_SENTENCES = 100
_SENTENCES = 96
# A smaller batch that is nearly as fast has the lower latency.
_NEARLY = 0.97


@dataclass(frozen=True, slots=True)
class Measured:
    """The speed of an engine with its best token budget; `rejected` says why it must not be used."""

    options: EngineOptions
    tokens_per_s: float
    rejected: str | None = None


def measure_engines(model: Path, threads: int) -> list[Measured]:
    """Measure each installed engine with each precision hint, the fastest first."""
    reference = _entities(Recognizer.open(model, threads=threads))
    measured = [_measure(model, threads, engine, hint, reference) for engine, hint in _candidates()]
    return sorted(measured, key=lambda one: (one.rejected is not None, -one.tokens_per_s))


def calibration_of(measured: list[Measured]) -> Calibration:
    """Return the best options of each engine that passed."""
    best: dict[EngineName, EngineOptions] = {}
    for one in measured:
        if one.rejected is None:
            best.setdefault(one.options.engine, one.options)
    return Calibration(engines=tuple(best.values()))


def _candidates() -> Iterator[tuple[EngineName, PrecisionHint]]:
    for engine in installed_engines():
        yield engine, "f32"
        if engine == "openvino":
            yield engine, "bf16"


def _measure(
    model: Path, threads: int, engine: EngineName, hint: PrecisionHint, reference: list[list[Entity]]
) -> Measured:
    try:
        recognizer = Recognizer.open(model, threads=threads, engine=engine, precision_hint=hint)
    except InvalidModel as error:
        # The other engines can still be used.
        return Measured(EngineOptions(engine=engine, precision_hint=hint), 0.0, error.message)
    rejected = _rejection(recognizer, model, reference)
    windows = [window for text in bench_sentences(_SENTENCES) for window in recognizer.encode(text).encoded]
    tokens = sum(window.tokens for window in windows)
    seconds = dict.fromkeys(BUDGETS, float("inf"))
    for _ in range(ROUNDS):
        for budget in BUDGETS:
            seconds[budget] = min(seconds[budget], _time(recognizer, windows, budget))
    least = min(seconds.values())
    budget = next(budget for budget in BUDGETS if seconds[budget] <= least / _NEARLY)
    options = EngineOptions(engine=engine, precision_hint=hint, max_batch_tokens=budget)
    return Measured(options, round(tokens / seconds[budget], 1), rejected)


def _time(recognizer: Recognizer, windows: list[EncodedWindow], budget: int) -> float:
    recognizer.max_batch_tokens = budget
    started = time.perf_counter()
    # Include the CRF: it takes more time per text in small batches.
    recognizer.decode(windows)
    return time.perf_counter() - started


def _rejection(recognizer: Recognizer, model: Path, reference: list[list[Entity]]) -> str | None:
    try:
        run_self_check(recognizer, model)
    except RanerError:
        return "its entities in the model's check sentences are not the expected ones"
    together = _entities(recognizer)
    if (f1 := entity_f1(reference, together)) < MIN_AGREEMENT:
        return f"entity F1 {f1:.4f} against ONNX Runtime, below {MIN_AGREEMENT}"
    alone = [recognizer.recognize([text], recognizer.types)[0] for text in _sentences_for(recognizer)]
    if _places(alone) != _places(together):
        return "the entities of a text depend on the other texts of its batch"
    return None


def _entities(recognizer: Recognizer) -> list[list[Entity]]:
    return recognizer.recognize(_sentences_for(recognizer), recognizer.types)


def _sentences_for(recognizer: Recognizer) -> list[str]:
    # Models that label words are trained on other languages than Chinese.
    return sample_sentences(CHECKED_SENTENCES, recognizer.manifest.split)


def _places(found: list[list[Entity]]) -> list[list[tuple[str, int, int]]]:
    return [[(entity.type, entity.start, entity.end) for entity in entities] for entities in found]
