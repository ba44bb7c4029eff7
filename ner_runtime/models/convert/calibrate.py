"""Calibrate: the static scale of every value that an INT8 linear layer reads, measured on texts.

The FP32 model runs over the texts with those values as outputs. Each value's range is then the one that costs the
least squared error in 8 bits: it may cut off a rare extreme so that all others are told apart more finely.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ner_runtime.inference.tokenizer import Tokenizer
from ner_runtime.lexicon.features import FLAGS, match_flags
from ner_runtime.lexicon.matcher import Matcher
from ner_runtime.models.convert.quantize import STEPS, Scale

Floats = NDArray[np.float32]

_SAMPLES_PER_TEXT = 1024
_SHRINKS = np.linspace(1.0, 0.3, 29)


def calibrate(
    model: Path, names: Sequence[str], texts: Iterable[str], tokenizer: Tokenizer, lexicon: Matcher | None = None
) -> dict[str, Scale]:
    """The scale of each of the model's outputs `names`.

    Args:
        model: an FP32 model whose outputs hold `names`
        names: the values to measure
        texts: at least one, each within the model's positions
        tokenizer: of the model
        lexicon: of the model, where it has one
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    seen: dict[str, list[Floats]] = {name: [] for name in names}
    for text in texts:
        pieces, first = tokenizer.encode(text)
        ids = np.array([[tokenizer.cls, *pieces, tokenizer.sep]], dtype=np.int64)  # (1, sequence)
        feed: dict[str, NDArray[Any]] = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        if lexicon:
            feed["lexicon"] = np.zeros((*ids.shape, FLAGS), dtype=np.uint8)  # (1, sequence, FLAGS)
            feed["lexicon"][0, first + 1] = match_flags(len(text), lexicon.find(text))
        values = session.run(list(names), feed)
        for name, value in zip(names, values, strict=True):
            seen[name].append(_sample(np.asarray(value, dtype=np.float32).ravel(), random))
    return {name: best_scale(np.concatenate(samples)) for name, samples in seen.items()}


def best_scale(values: Floats) -> Scale:
    """The 8-bit scale with the least squared error on `values`, (count,). Zero is always stored exactly."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), float(np.finfo(np.float32).tiny))
    # One end after the other: those of a GELU's output lie at very different distances from zero.
    high = min((high * shrink for shrink in _SHRINKS), key=lambda end: _error(values, scale_between(low, end)))
    low = min((low * shrink for shrink in _SHRINKS), key=lambda end: _error(values, scale_between(end, high)))
    return scale_between(low, high)


def scale_between(low: float, high: float) -> Scale:
    """The 8-bit scale from `low`, at most 0, to `high`, above 0."""
    step = (high - low) / STEPS
    return Scale(step, round(-low / step))


def _error(values: Floats, scale: Scale) -> float:
    stored = np.clip(np.rint(values / np.float32(scale.step)) + scale.zero, 0, STEPS)
    return float(np.square((stored - scale.zero) * np.float32(scale.step) - values).mean())


def _sample(values: Floats, random: np.random.Generator) -> Floats:
    """Some of the values, the extremes always among them."""
    some = random.choice(values, _SAMPLES_PER_TEXT) if len(values) > _SAMPLES_PER_TEXT else values
    return np.append(some, [values.min(), values.max()]).astype(np.float32)
