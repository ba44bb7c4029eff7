"""Measure the static quantization scale of every input of an INT8 linear layer on sample texts.

The FP32 model runs on the texts with these inputs as additional outputs. The range of each input is the one with the
lowest squared error in 8 bits; it can exclude rare extreme values to represent all others more precisely.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ner_runtime.inference.tokenizers.base import Tokenizer
from ner_runtime.lexicon.features import FLAGS, match_flags
from ner_runtime.lexicon.matcher import Matcher
from ner_runtime.models.convert.quantize import STEPS, Scale

Floats = NDArray[np.float32]

_SAMPLES_PER_TEXT = 1024
_SHRINKS = np.linspace(1.0, 0.3, 29)


def calibrate(
    model: Path, names: Sequence[str], texts: Iterable[str], tokenizer: Tokenizer, lexicon: Matcher | None = None
) -> dict[str, Scale]:
    """Measure the scale of each output in `names`.

    Args:
        model: an FP32 model that has the outputs `names`
        names: the outputs to measure
        texts: at least one text; each must fit into the positions of the model
        tokenizer: the tokenizer of the model
        lexicon: the lexicon of the model, if it has one
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    samples_of: dict[str, list[Floats]] = {name: [] for name in names}
    for text in texts:
        pieces, first, _ = tokenizer.encode(text)
        ids = np.array([[tokenizer.cls, *pieces, tokenizer.sep]], dtype=np.int64)  # (1, sequence)
        feed: dict[str, NDArray[Any]] = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        if lexicon:
            feed["lexicon"] = np.zeros((*ids.shape, FLAGS), dtype=np.uint8)  # (1, sequence, FLAGS)
            feed["lexicon"][0, first + 1] = match_flags(len(text), lexicon.find(text))
        values = session.run(list(names), feed)
        for name, value in zip(names, values, strict=True):
            samples_of[name].append(_sample(np.asarray(value, dtype=np.float32).ravel(), random))
    return {name: best_scale(np.concatenate(samples)) for name, samples in samples_of.items()}


def best_scale(values: Floats) -> Scale:
    """Return the 8-bit scale with the lowest squared error on `values`, (count,). Zero is represented exactly."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), float(np.finfo(np.float32).tiny))
    # Optimize each end separately: the two ends of the output of a GELU have very different magnitudes.
    high = min((high * shrink for shrink in _SHRINKS), key=lambda end: _error(values, scale_between(low, end)))
    low = min((low * shrink for shrink in _SHRINKS), key=lambda end: _error(values, scale_between(end, high)))
    return scale_between(low, high)


def scale_between(low: float, high: float) -> Scale:
    """Return the 8-bit scale that covers `low` (at most 0) to `high` (above 0)."""
    step = (high - low) / STEPS
    return Scale(step, round(-low / step))


def _error(values: Floats, scale: Scale) -> float:
    stored = np.clip(np.rint(values / np.float32(scale.step)) + scale.zero, 0, STEPS)
    return float(np.square((stored - scale.zero) * np.float32(scale.step) - values).mean())


def _sample(values: Floats, random: np.random.Generator) -> Floats:
    """Return a random sample of the values that includes the minimum and the maximum."""
    sample = random.choice(values, _SAMPLES_PER_TEXT) if len(values) > _SAMPLES_PER_TEXT else values
    return np.append(sample, [values.min(), values.max()]).astype(np.float32)
