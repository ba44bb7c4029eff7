"""AdamW (Loshchilov and Hutter, 2019) with a learning-rate schedule and clipped gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_CLIP = 1.0


@dataclass(frozen=True)
class Schedule:
    """A learning rate that rises linearly, stays constant, and falls to zero in the last part of the steps.

    Attributes:
        peak: the highest rate
        steps: number of steps of the run
        warm_up: number of steps in which the rate rises
        falling: share of the steps in which the rate falls; 1 if it falls right after the rise
    """

    peak: float
    steps: int
    warm_up: int
    falling: float

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step; the first step is 0."""
        left = (self.steps - step) / max(1.0, self.falling * self.steps)
        return self.peak * min(1.0, (step + 1) / max(1, self.warm_up), max(0.0, left))


class Optimization:
    """Optimizes the parameters of a module, and counts the steps.

    `fast` maps prefixes of parameter names to factors: the learning rate of these parameters is multiplied by the
    factor, and they have no weight decay.
    """

    def __init__(
        self, module: nn.Module, schedule: Schedule, *, fast: Mapping[str, float] | None = None, decay: float = 0.01
    ) -> None:
        self.module = module
        self.schedule = schedule
        self.step = 0
        named = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
        prefixes = dict(fast or {})
        slow = [parameter for name, parameter in named if not name.startswith(tuple(prefixes))]
        groups = [{"params": slow, "factor": 1.0}]
        for prefix, factor in prefixes.items():
            swift = [parameter for name, parameter in named if name.startswith(prefix)]
            groups.append({"params": swift, "factor": factor, "weight_decay": 0.0})
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
        """Take one step to reduce a loss, shape ()."""
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate * group["factor"]
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), _CLIP)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.step += 1

    def state(self) -> dict[str, Any]:
        """Return the state that is needed to resume the run, except the position in the data."""
        return {"model": self.module.state_dict(), "optimizer": self._optimizer.state_dict(), "step": self.step}

    def restore(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
