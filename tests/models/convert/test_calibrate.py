"""Calibration of INT8 scales."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.inference.tokenizers.wordpiece import WordPieceTokenizer, WordPieceVocabulary
from ner_runtime.models.checkpoint.reader import read_checkpoint
from ner_runtime.models.convert.calibrate import best_scale, calibrate, scale_between
from ner_runtime.models.convert.export import Fp32, export, linear_inputs
from ner_runtime.models.convert.graph import save_model, save_with_outputs
from ner_runtime.models.convert.quantize import STEPS, Scale


def ends(scale: Scale) -> tuple[float, float]:
    """The smallest and the largest representable number."""
    return -scale.zero * scale.step, (STEPS - scale.zero) * scale.step


@given(st.floats(-100, 0), st.floats(0.01, 100))
def test_scale_covers_its_range_and_zero(low: float, high: float) -> None:
    scale = scale_between(low, high)
    assert 0 <= scale.zero <= STEPS
    least, largest = ends(scale)
    assert abs(least - low) <= scale.step
    assert abs(largest - high) <= scale.step


def test_uniform_values_keep_their_range() -> None:
    least, largest = ends(best_scale(np.linspace(-2, 6, 5000, dtype=np.float32)))
    assert least < -1.8
    assert largest > 5.6


def test_rare_extreme_value_is_clipped() -> None:
    values = np.append(np.random.default_rng(0).normal(size=500_000), 20).astype(np.float32)
    assert ends(best_scale(values))[1] < 15


def test_all_values_zero() -> None:
    scale = best_scale(np.zeros(10, dtype=np.float32))
    assert scale.step > 0


def test_calibration_is_deterministic(tmp_path: Path, checkpoint: Path) -> None:
    read = read_checkpoint(checkpoint)
    names = linear_inputs(read.geometry.layers)
    save_model(export(read, Fp32()), tmp_path / "model.onnx")
    save_with_outputs(tmp_path / "model.onnx", names, tmp_path / "observed.onnx")
    tokenizer = WordPieceTokenizer(WordPieceVocabulary.from_file(read.vocab, lowercase=True))
    once, again = (calibrate(tmp_path / "observed.onnx", names, ["马云在杭州。", "a"], tokenizer) for _ in range(2))
    assert once == again
    assert list(once) == names
    # The output of a GELU is rarely negative, that of a layer norm often.
    assert once[names[3]].zero < once[names[0]].zero
