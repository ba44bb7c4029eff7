"""The CRF agrees with an enumeration of all paths."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from training.data.tagset import Tagset
from training.network.crf import CRF, FORBIDDEN

TAGSET = Tagset(("PER",))
LENGTHS = (4, 3, 1)


@pytest.fixture
def crf() -> CRF:
    torch.manual_seed(0)
    crf = CRF(TAGSET)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf


def path_score(crf: CRF, emissions: Tensor, path: tuple[int, ...]) -> float:
    start, end, transitions = (scores.detach() for scores in crf.scores())
    total = start[path[0]] + end[path[-1]] + sum(emissions[at, label] for at, label in enumerate(path))
    return float(total + sum(transitions[first, second] for first, second in itertools.pairwise(path)))


def log_sum(scores: list[float]) -> float:
    peak = max(scores)
    return peak + math.log(sum(math.exp(score - peak) for score in scores))


def batch(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Emissions, allowed labels (O always, so that a legal path is left) and visible positions of three rows."""
    generator = torch.Generator().manual_seed(seed)
    emissions = 2 * torch.randn(len(LENGTHS), max(LENGTHS), len(TAGSET), generator=generator)
    allowed = torch.rand(emissions.shape, generator=generator) < 0.5
    allowed[:, :, 0] = True
    visible = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    return emissions, allowed, visible


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_agrees_with_enumerated_paths(crf: CRF, seed: int) -> None:
    emissions, allowed, visible = batch(seed)
    losses = crf(emissions, allowed, visible)
    for row, length in enumerate(LENGTHS):
        paths = list(itertools.product(range(len(TAGSET)), repeat=length))
        scores = {path: path_score(crf, emissions[row], path) for path in paths}
        kept = [scores[path] for path in paths if all(allowed[row, at, label] for at, label in enumerate(path))]
        assert float(losses[row].detach()) == pytest.approx(log_sum(list(scores.values())) - log_sum(kept), abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_decoding_finds_the_best_enumerated_path(crf: CRF, seed: int) -> None:
    emissions, _, visible = batch(seed)
    for row, path in enumerate(crf.decode(emissions, visible)):
        paths = itertools.product(range(len(TAGSET)), repeat=LENGTHS[row])
        assert tuple(path) == max(paths, key=lambda path: path_score(crf, emissions[row], path))


def test_the_loss_is_zero_if_every_label_is_allowed(crf: CRF) -> None:
    emissions, allowed, visible = batch(0)
    losses = crf(emissions, torch.ones_like(allowed), visible)
    assert losses.tolist() == pytest.approx([0.0] * len(LENGTHS), abs=1e-5)


def test_decoding_is_legal_for_any_emissions(crf: CRF) -> None:
    emissions = torch.zeros(1, 3, len(TAGSET))
    emissions[..., TAGSET.label("I", "PER")] = 50.0
    (path,) = crf.decode(emissions, torch.ones(1, 3, dtype=torch.bool))
    labels = [TAGSET.labels[label] for label in path]
    assert labels[0] in {"O", "B-PER", "S-PER"}
    assert labels[-1] in {"O", "E-PER", "S-PER"}
    assert TAGSET.legal_transitions()[path[0], path[1]]
    assert TAGSET.legal_transitions()[path[1], path[2]]


def test_forbidden_transitions_have_a_fixed_score_and_no_gradient(crf: CRF) -> None:
    emissions, allowed, visible = batch(0)
    crf(emissions, allowed, visible).sum().backward()
    _, _, transitions = crf.scores()
    forbidden = ~torch.from_numpy(TAGSET.legal_transitions())
    assert (transitions[forbidden] == FORBIDDEN).all()
    assert crf.transitions.grad is not None
    assert (crf.transitions.grad[forbidden] == 0).all()


def test_the_loss_of_long_sequences_with_extreme_emissions_is_finite(crf: CRF) -> None:
    emissions = torch.full((1, 510, len(TAGSET)), -80.0)
    emissions[..., 0] = 80.0
    allowed = torch.zeros(emissions.shape, dtype=torch.bool)
    allowed[..., TAGSET.label("S", "PER")] = True
    loss = crf(emissions, allowed, torch.ones(1, 510, dtype=torch.bool))
    assert torch.isfinite(loss).all()
    assert float(loss.detach()) > 0
