"""A trained checkpoint replaces the embedded model."""

from __future__ import annotations

from pathlib import Path

import torch

from ner_runtime import Recognizer
from ner_runtime.manifest import read_manifest
from training.data.corpora import TYPES
from training.data.tagset import Tagset
from training.data.vocabulary import build
from training.network.checkpoint import write_checkpoint
from training.network.encoder import Geometry
from training.network.tagger import Tagger
from training.steps.release import COLORS, NAME, release


def test_the_released_model_opens_and_other_files_stay(tmp_path: Path) -> None:
    torch.manual_seed(1)
    vocabulary = build(["马云在杭州"], 300)
    sizes = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    tagger = Tagger(Geometry(len(vocabulary), **sizes), Tagset(TYPES))
    write_checkpoint(tmp_path / "checkpoint", tagger, vocabulary)
    target = tmp_path / "model"
    target.mkdir()
    (target / "README.md").write_text("card")
    release(tmp_path / "checkpoint", target)
    manifest = read_manifest(target)
    assert (manifest.name, manifest.types, manifest.default_types) == (NAME, TYPES, ("PER", "LOC", "ORG"))
    assert (manifest.window, manifest.by_sentence, manifest.colors) == (254, True, COLORS)
    assert (target / "README.md").read_text() == "card"
    assert Recognizer.open(target).types == TYPES
    release(tmp_path / "checkpoint", target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "model"]
