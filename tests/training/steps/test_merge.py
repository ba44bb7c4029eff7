"""Checkpoints are merged as their weighted mean."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training.data.tagset import Tagset
from training.data.vocabulary import SPECIAL, Vocabulary
from training.network.checkpoint import read_checkpoint, write_checkpoint
from training.network.encoder import Geometry
from training.network.tagger import Tagger
from training.steps import merge
from training.steps.average import mean_state

ONE = {"weight": torch.tensor([0.0, 4.0]), "positions": torch.tensor([0, 1])}
OTHER = {"weight": torch.tensor([2.0, 0.0]), "positions": torch.tensor([0, 1])}


@pytest.mark.parametrize(("weights", "mean"), [((1, 1), [1.0, 2.0]), ((3, 1), [0.5, 3.0]), ((0.3, 0.1), [0.5, 3.0])])
def test_weights_may_have_any_unit(weights: tuple[float, float], mean: list[float]) -> None:
    merged = mean_state([ONE, OTHER], weights)
    assert merged["weight"].tolist() == pytest.approx(mean)
    assert merged["positions"].tolist() == [0, 1]


def test_weights_of_another_geometry_are_rejected() -> None:
    with pytest.raises(ValueError, match="geometry"):
        mean_state([ONE, {**OTHER, "weight": torch.zeros(3)}], (1, 1))


def written(folder: Path, seed: int, pieces: str = "云马") -> Path:
    """A small checkpoint with random weights."""
    torch.manual_seed(seed)
    vocabulary = Vocabulary([*SPECIAL, *pieces])
    geometry = Geometry(len(vocabulary), hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    folder.mkdir()
    write_checkpoint(folder, Tagger(geometry, Tagset(("PER", "LOC", "ORG"))), vocabulary)
    return folder


def test_the_mean_is_measured_and_written_to_the_output(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other, output = written(tmp_path / "one", 1), written(tmp_path / "other", 2), tmp_path / "merged"
    command = [f"{one}=1", f"{other}=1", "--data", str(data), "--dev-limit", "2"]
    merge.main(command)
    assert "mean F1" in capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == [one, other]
    merge.main([*command, "--output", str(output)])
    weights = [read_checkpoint(folder)[0].linear.weight for folder in (one, other, output)]
    assert torch.allclose(weights[2], (weights[0] + weights[1]) / 2)


@pytest.mark.parametrize("typed", ["{one}", "{one}=", "{one}=0", "{one}=-1", "{one}=much", "=1"])
def test_an_invalid_weight_is_wrong_usage(tmp_path: Path, typed: str) -> None:
    with pytest.raises(SystemExit) as ended:
        merge.main([typed.format(one=written(tmp_path / "one", 1))])
    assert ended.value.code == 2


def test_checkpoints_with_different_vocabularies_are_rejected(tmp_path: Path) -> None:
    one, other = written(tmp_path / "one", 1), written(tmp_path / "other", 1, "马云")
    with pytest.raises(SystemExit):
        merge.main([f"{one}=1", f"{other}=1"])
