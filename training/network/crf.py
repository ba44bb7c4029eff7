"""A linear-chain CRF over labels (Lafferty et al., 2001), trained on the allowed paths of partially annotated text.

The loss of a sentence is log Z(all paths) - log Z(allowed paths). If only one path is allowed, this is the usual loss.
Transitions that BIOES forbids have a fixed large negative score, so that no decoder takes them. All values are float32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.data.tagset import Tagset

FORBIDDEN = -1e4
# Smaller than any normalised path weight, but positive, so that its logarithm is finite.
_TINY = 1e-30


class CRF(nn.Module):
    """Start, end and transition scores; `transitions[i, j]` is the score from i to j."""

    def __init__(self, tagset: Tagset) -> None:
        super().__init__()
        self.start_transitions = nn.Parameter(torch.zeros(len(tagset)))
        self.end_transitions = nn.Parameter(torch.zeros(len(tagset)))
        self.transitions = nn.Parameter(torch.zeros(len(tagset), len(tagset)))
        self.register_buffer("legal_starts", torch.from_numpy(tagset.legal_starts()), persistent=False)
        self.register_buffer("legal_ends", torch.from_numpy(tagset.legal_ends()), persistent=False)
        self.register_buffer("legal_transitions", torch.from_numpy(tagset.legal_transitions()), persistent=False)

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return start (labels,), end (labels,) and transition scores (labels, labels); forbidden ones are fixed."""
        return (
            self.start_transitions.masked_fill(~self.get_buffer("legal_starts"), FORBIDDEN),
            self.end_transitions.masked_fill(~self.get_buffer("legal_ends"), FORBIDDEN),
            self.transitions.masked_fill(~self.get_buffer("legal_transitions"), FORBIDDEN),
        )

    def forward(self, emissions: Tensor, allowed: Tensor, visible: Tensor) -> Tensor:
        """Return the negative log-likelihood of the allowed paths of each row.

        Args:
            emissions: (batch, sequence, labels)
            allowed: (batch, sequence, labels)
            visible: (batch, sequence), true for the first positions of each row, at least for one

        Returns:
            (batch,)
        """
        # Both lattices in one pass, since the loop over positions takes most of the time.
        both = torch.cat([emissions, emissions.masked_fill(~allowed, FORBIDDEN)])  # (2 * batch, sequence, labels)
        log_all, log_allowed = self._log_partition(both, torch.cat([visible, visible])).chunk(2)
        return log_all - log_allowed

    def _log_partition(self, emissions: Tensor, visible: Tensor) -> Tensor:
        # Weights instead of log-weights, normalised at each position: a step is then one small matrix product.
        start, end, transitions = self.scores()
        peak = emissions.amax(-1, keepdim=True)  # (batch, sequence, 1)
        weights = (emissions - peak).exp()  # (batch, sequence, labels)
        step = transitions.exp()  # (labels, labels)
        alpha = start.exp() * weights[:, 0]  # (batch, labels)
        totals: list[Tensor] = []
        for position in range(emissions.shape[1]):
            if position > 0:
                moved = (alpha @ step) * weights[:, position]  # (batch, labels)
                alpha = torch.where(visible[:, position, None], moved, alpha)
            total = alpha.sum(-1, keepdim=True).clamp_min(_TINY)  # (batch, 1)
            alpha = alpha / total
            totals.append(total)
        ended = (alpha @ end.exp()).clamp_min(_TINY)  # (batch,)
        # Padding leaves alpha as it was, so its totals are 1.
        log_totals = torch.cat(totals, -1).log() + peak.squeeze(-1) * visible  # (batch, sequence)
        return log_totals.sum(-1) + ended.log()

    @torch.no_grad()
    def decode(self, emissions: Tensor, visible: Tensor) -> list[list[int]]:
        """Return the best path of each row (Viterbi, 1967), over its visible positions.

        Args:
            emissions: (batch, sequence, labels)
            visible: (batch, sequence)
        """
        start, end, transitions = self.scores()
        score = start + emissions[:, 0]  # (batch, labels)
        back: list[Tensor] = []
        stay = torch.arange(score.shape[1], device=score.device).expand_as(score)  # (batch, labels)
        for position in range(1, emissions.shape[1]):
            best, best_from = (score[:, :, None] + transitions).max(1)  # each (batch, labels)
            shown = visible[:, position, None]  # (batch, 1)
            score = torch.where(shown, best + emissions[:, position], score)
            back.append(torch.where(shown, best_from, stay))
        label = (score + end).argmax(-1)  # (batch,)
        path = [label]
        for best_from in reversed(back):
            label = best_from.gather(1, label[:, None])[:, 0]
            path.append(label)
        rows: list[list[int]] = torch.stack(path[::-1], 1).tolist()
        lengths: list[int] = visible.sum(1).tolist()
        return [row[:length] for row, length in zip(rows, lengths, strict=True)]
