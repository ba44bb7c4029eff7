"""Measure the engines of this machine for a model: `raner bench --calibrate`.

An engine, or a precision hint, is used only if its entities agree with those of ONNX Runtime and with the model's check
sentences, and if the entities of a text do not depend on the texts that share its batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

from ner_runtime.cli.bench.ladder import bench_sentences
from ner_runtime.entities import Entity
from ner_runtime.errors import InvalidModel, RanerError
from ner_runtime.inference.engine import EngineName, PrecisionHint
from ner_runtime.inference.windows.encoded import EncodedWindow
from ner_runtime.models.convert.agreement import MIN_AGREEMENT, entity_f1
from ner_runtime.models.convert.sample import sample_sentences
from ner_runtime.models.convert.self_check import run_self_check
from ner_runtime.models.registry.calibration import Calibration, EngineOptions, installed_engines
from ner_runtime.recognizer import Recognizer

BUDGETS: tuple[int, ...] = (256, 512, 1024)
ROUNDS = 5
MIN_ADVANTAGE = 1.5
"""How much faster OpenVINO must be than ONNX Runtime. It needs more than twice the memory, and in a service it compiles
kernels for new shapes, which a calibration does not measure. Nor does it measure several workers: on two virtual CPUs
of a Xeon with AMX, OpenVINO had 1.37 times the speed of ONNX Runtime in one process, and 1.18 times in two."""
CHECKED_SENTENCES = 100
_SENTENCES = 64
# As many sentences are decoded together as wait together in a busy worker. In longer lists, the small extra runs of the
# encoder for parts of windows would count too little; they are slower in OpenVINO.
_TOGETHER = 16
# Of budgets that are nearly equally fast, the smallest has the lowest latency, and the measurements are noisy.
_NEARLY = 0.97


@dataclass(frozen=True, slots=True)
class Measured:
    """The speed of an engine with its best token budget; `rejected` says why it must not be used."""

    options: EngineOptions
    tokens_per_s: float
    rejected: str | None = None


def measure_engines(model: Path, threads: int) -> list[Measured]:
    """Measure each installed engine with each precision hint, the fastest first.

    All engines and token budgets alternate on a few sentences at a time, and the least time counts: the speed of a
    shared host changes within seconds.
    """
    recognizer = Recognizer.open(model, threads=threads)
    reference, default = _entities(recognizer), recognizer.max_batch_tokens
    failed: list[Measured] = []
    contenders: list[_Contender] = []
    for engine, hint in _candidates():
        options = EngineOptions(engine=engine, precision_hint=hint, max_batch_tokens=default)
        try:
            recognizer = Recognizer.open(model, threads=threads, engine=engine, precision_hint=hint)
        except InvalidModel as error:
            # The other engines can still be used.
            failed.append(Measured(options, 0.0, error.message))
            continue
        contenders.append(_Contender(options, recognizer, _rejection(recognizer, model, reference)))
    for _ in range(ROUNDS):
        for section in range(_SENTENCES // _TOGETHER):
            for contender in contenders:
                contender.measure(section)
    measured = [contender.result() for contender in contenders]
    return sorted(measured + failed, key=lambda one: (one.rejected is not None, -one.tokens_per_s))


def calibration_of(measured: list[Measured]) -> Calibration:
    """Return the best options of each engine that passed, the engine to use first.

    OpenVINO comes first only if it is faster by `MIN_ADVANTAGE`.
    """
    best: dict[EngineName, Measured] = {}
    for one in measured:
        if one.rejected is None:
            best.setdefault(one.options.engine, one)
    advantage = {"openvino": 1 / MIN_ADVANTAGE}
    ordered = sorted(best.values(), key=lambda one: -one.tokens_per_s * advantage.get(one.options.engine, 1.0))
    return Calibration(engines=tuple(one.options for one in ordered))


def _candidates() -> Iterator[tuple[EngineName, PrecisionHint]]:
    for engine in installed_engines():
        yield engine, "f32"
        if engine == "openvino":
            yield engine, "bf16"


class _Contender:
    """An engine that is measured, with the least time of each token budget on each section of the sentences."""

    def __init__(self, options: EngineOptions, recognizer: Recognizer, rejected: str | None) -> None:
        self._options, self._recognizer, self._rejected = options, recognizer, rejected
        sentences = bench_sentences(_SENTENCES)
        self._sections = [
            [window for text in sentences[start : start + _TOGETHER] for window in recognizer.encode(text).encoded]
            for start in range(0, _SENTENCES, _TOGETHER)
        ]
        self._seconds = {budget: [inf] * len(self._sections) for budget in BUDGETS}

    def measure(self, section: int) -> None:
        """Measure each token budget once on a section."""
        for budget, seconds in self._seconds.items():
            seconds[section] = min(seconds[section], _time(self._recognizer, self._sections[section], budget))

    def result(self) -> Measured:
        """Return the speed with the best token budget."""
        totals = {budget: sum(seconds) for budget, seconds in self._seconds.items()}
        budget = next(budget for budget in BUDGETS if totals[budget] <= min(totals.values()) / _NEARLY)
        tokens = sum(window.tokens for section in self._sections for window in section)
        options = self._options.model_copy(update={"max_batch_tokens": budget})
        return Measured(options, round(tokens / totals[budget], 1), self._rejected)


def _time(recognizer: Recognizer, windows: list[EncodedWindow], budget: int) -> float:
    recognizer.max_batch_tokens = budget
    started = time.perf_counter()
    recognizer.decode(windows)  # include the CRF: it takes more time per text in small batches
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
