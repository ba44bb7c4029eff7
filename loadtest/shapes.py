"""Load shapes: how many users there are at each second of a run.

BentoML's workers share one listening socket, and connections that come in a burst spread badly over them: every shape
but the spike, which is about bursts, comes up slowly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

STEPS = 5


class ShapeName(StrEnum):
    """steady: up and hold. step: five steps up. spike: calm, all at once, calm. soak: steady, for hours."""

    STEADY = "steady"
    STEP = "step"
    SPIKE = "spike"
    SOAK = "soak"


DEFAULT_SECONDS = {ShapeName.STEADY: 60, ShapeName.STEP: 100, ShapeName.SPIKE: 90, ShapeName.SOAK: 3600}


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape of a given height and length."""

    name: ShapeName
    users: int
    seconds: float

    @property
    def ramp_s(self) -> float:
        """Seconds until all users are there, for the shapes that hold."""
        return min(self.seconds / 4, 60)

    def users_at(self, second: float) -> int | None:
        """How many users there are; None when the run is over."""
        if second >= self.seconds:
            return None
        done = second / self.seconds
        match self.name:
            case ShapeName.STEADY | ShapeName.SOAK:
                share = min(1, (second + 1) / self.ramp_s)
            case ShapeName.STEP:
                share = (math.floor(done * STEPS) + 1) / STEPS
            case ShapeName.SPIKE:
                share = 1 if 0.4 <= done < 0.6 else 0.2
        return max(1, round(self.users * share))
