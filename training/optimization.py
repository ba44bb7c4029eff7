"""Optimization: AdamW (Loshchilov and Hutter, 2019) under a schedule, with clipped gradients.

Knows nothing of what the loss is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_CLIP = 1.0


@dataclass(frozen=True)
class Schedule:
    """A learning rate that rises, stays level, and falls to nothing in the last part of the steps.

    Attributes:
        peak: the level
        steps: of the whole run
        warm_up: steps of the rise
        falling: share of the steps in which it falls, 1 for a straight fall after the rise
    """

    peak: float
    steps: int
    warm_up: int
    falling: float

    def __call__(self, step: int) -> float:
        """The rate of step 0, 1, 2 …"""
        left = (self.steps - step) / max(1.0, self.falling * self.steps)
        return self.peak * min(1.0, (step + 1) / max(1, self.warm_up), max(0.0, left))


class Optimization:
    """A module's parameters, their optimizer, and the steps done.

    Parameters under `fast` (a prefix of their names) learn that many times faster.
    """

    def __init__(
        self, module: nn.Module, schedule: Schedule, *, fast: str = "", factor: float = 1.0, decay: float = 0.01
    ) -> None:
        self.module = module
        self.schedule = schedule
        self.step = 0
        named = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
        swift = [parameter for name, parameter in named if fast and name.startswith(fast)]
        slow = [parameter for name, parameter in named if not (fast and name.startswith(fast))]
        groups = [{"params": slow, "factor": 1.0}, {"params": swift, "factor": factor, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=0.0, betas=(0.9, 0.98), weight_decay=decay, fused=True
        )

    @property
    def done(self) -> bool:
        return self.step >= self.schedule.steps

    @property
    def rate(self) -> float:
        return self.schedule(self.step)

    def advance(self, loss: Tensor) -> None:
        """One step down the gradient of a loss, shape ()."""
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate * group["factor"]
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), _CLIP)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.step += 1

    def state(self) -> dict[str, Any]:
        """All that a later process needs to go on as if nothing had happened, but for the data."""
        return {"model": self.module.state_dict(), "optimizer": self._optimizer.state_dict(), "step": self.step}

    def restore(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
