from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training import merge
from training.checkpoint import read_checkpoint, write_checkpoint
from training.encoder import Geometry
from training.merge import between
from training.tagger import Tagger
from training.tagset import Tagset
from training.vocabulary import SPECIAL, Vocabulary

ONE = {"weight": torch.tensor([0.0, 4.0]), "positions": torch.tensor([0, 1])}
OTHER = {"weight": torch.tensor([2.0, 0.0]), "positions": torch.tensor([0, 1])}


@pytest.mark.parametrize(("share", "weight"), [(0.0, [0.0, 4.0]), (0.25, [0.5, 3.0]), (1.0, [2.0, 0.0])])
def test_between_lies_on_the_line(share: float, weight: list[float]) -> None:
    merged = between(ONE, OTHER, share)
    assert merged["weight"].tolist() == weight
    assert merged["positions"].tolist() == [0, 1]


def test_between_refuses_another_form() -> None:
    with pytest.raises(ValueError, match="geometry"):
        between(ONE, {**OTHER, "weight": torch.zeros(3)}, 0.5)


def written(folder: Path, seed: int, pieces: str = "云马") -> Path:
    """A small checkpoint of random weights."""
    torch.manual_seed(seed)
    vocabulary = Vocabulary([*SPECIAL, *pieces])
    geometry = Geometry(len(vocabulary), hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    folder.mkdir()
    write_checkpoint(folder, Tagger(geometry, Tagset(("PER", "LOC", "ORG"))), vocabulary)
    return folder


def test_several_shares_are_measured_and_one_is_written(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other, output = written(tmp_path / "one", 1), written(tmp_path / "other", 2), tmp_path / "merged"
    common = [str(one), str(other), "--output", str(output), "--data", str(data), "--dev-limit", "2"]
    merge.main(common)
    assert capsys.readouterr().out.count("mean F1") == 5
    assert not output.exists()
    merge.main([*common, "--share", "0.5"])
    states = [read_checkpoint(folder)[0].state_dict() for folder in (one, other, output)]
    name = "linear.weight"
    assert torch.allclose(states[2][name], (states[0][name] + states[1][name]) / 2)


def test_another_vocabulary_is_refused(data: Path, tmp_path: Path) -> None:
    one, other = written(tmp_path / "one", 1), written(tmp_path / "other", 1, "马云")
    with pytest.raises(SystemExit):
        merge.main([str(one), str(other), "--data", str(data)])
