"""Biases of entity types are chosen on dev sets and added to the checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path

import numpy as np
import pytest
import torch

from ner_runtime.embedded import embedded_model
from ner_runtime.inference.crf import Floats
from ner_runtime.inference.engine import Ids64
from ner_runtime.lexicon.features import Flags
from training.data.tagset import Tagset
from training.data.targets import Target
from training.data.vocabulary import SPECIAL, Vocabulary
from training.network.checkpoint import read_checkpoint, write_checkpoint
from training.network.encoder import Geometry
from training.network.tagger import Tagger
from training.steps import type_bias
from training.steps.type_bias import BiasedEngine, Biases, DevScores, add_biases, search

TYPES = ("PER", "LOC")
LABELS = Tagset(TYPES).labels
PERSONS, PLACES = Target("msra", 90.0, type="PER"), Target("msra", 80.0, type="LOC")


class CountingEngine:
    """Returns the piece ids as the logits of every label, and counts its runs."""

    runs = 0

    def logits(self, input_ids: Ids64, attention_mask: Ids64, lexicon: Flags | None = None) -> Floats:
        self.runs += 1
        return np.repeat(input_ids[..., None], len(LABELS), axis=2).astype(np.float32)


def test_a_bias_is_added_to_the_labels_of_its_type_without_another_run() -> None:
    engine = CountingEngine()
    biased = BiasedEngine(engine, LABELS)
    ids, mask = np.array([[2, 7]]), np.array([[1, 1]])
    before = biased.logits(ids, mask)
    biased.set({"LOC": 0.5})
    added = biased.logits(ids, mask) - before
    assert added[0, 0].tolist() == [0.5 if label.endswith("LOC") else 0.0 for label in LABELS]
    assert engine.runs == 1
    biased.logits(np.array([[2], [7]]), np.array([[1], [1]]))
    assert engine.runs == 2, "the same ids in another shape are another input"


def test_the_search_reaches_targets_that_need_biases() -> None:
    def missing(biases: Mapping[str, float], most: float) -> dict[Target, float]:
        return {
            target: max(0.0, abs(biases.get(type_, 0.0) - best) - 0.05)
            for target, type_, best in ((PERSONS, "PER", 0.3), (PLACES, "LOC", -0.2))
        }

    biases, left = search(missing, TYPES, tries=500, step=0.1, seed=1)
    assert left == {PERSONS: 0.0, PLACES: 0.0}
    assert biases == pytest.approx({"PER": 0.3, "LOC": -0.2}, abs=0.05)
    assert search(missing, TYPES, tries=0, step=0.1, seed=1)[0] == {}


def test_the_embedded_model_is_scored_with_and_without_its_lexicon(data: Path) -> None:
    scores = DevScores(embedded_model(), data)
    everything = Target("msra", 100.0)
    targets = [everything, Target("msra", 100.0, with_lexicon=False), Target("msra", 0.0, type="PER")]
    never: dict[str, float] = dict.fromkeys(("PER", "LOC", "ORG"), -50.0)
    found = scores.missing(targets, {})
    assert found[targets[2]] == 0.0
    assert found[everything] < 100.0
    assert scores.missing(targets, never)[everything] == 100.0
    assert list(scores.missing(targets, never, most=1.0)) == [everything], "the rest need not be measured"
    assert scores.missing(targets, {}) == found


def test_biases_are_written_to_the_output_layer(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vocabulary = Vocabulary([*SPECIAL, "云"])
    tagger = Tagger(Geometry(len(vocabulary), 8, num_hidden_layers=1, num_attention_heads=2), Tagset(TYPES))
    before = tagger.linear.bias.detach().clone()
    write_checkpoint(tmp_path / "merged", tagger, vocabulary)
    monkeypatch.setattr(type_bias, "TARGETS", (PERSONS,))

    def found(missing: Callable[[Biases, float], Mapping[Target, float]], *_: object) -> tuple[Biases, object]:
        return {"LOC": -0.25}, missing({}, inf)

    monkeypatch.setattr(type_bias, "search", found)
    paths = ["--model", str(embedded_model()), "--checkpoint", str(tmp_path / "merged"), "--data", str(data)]
    type_bias.main([*paths, "--output", str(tmp_path / "biased")])
    assert "msra/dev PER: " in capsys.readouterr().out
    written, _ = read_checkpoint(tmp_path / "biased")
    expected = [0.0] * 5 + [-0.25] * 4
    assert torch.allclose(written.linear.bias - before, torch.tensor(expected))


def test_biases_are_added_to_all_labels_of_a_type() -> None:
    tagger = Tagger(Geometry(6, 8, num_hidden_layers=1, num_attention_heads=2), Tagset(TYPES))
    before = tagger.linear.bias.detach().clone()
    add_biases(tagger, {"PER": 1.0})
    assert (tagger.linear.bias - before).tolist() == pytest.approx([0.0] + [1.0] * 4 + [0.0] * 4)
