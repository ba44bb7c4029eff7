"""Load shapes: the number of users at each second of a run.

BentoML's workers share one listening socket, and connections that arrive in a burst are spread unevenly over them. So
every shape except the spike, which tests bursts, ramps up slowly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

STEPS = 5


class ShapeName(StrEnum):
    """The names of the load shapes.

    steady   ramps up, then stays at the maximum
    step     increases in five steps
    spike    jumps from 20 % of the users to all of them, and back
    soak     the same as steady, for a long run
    """

    STEADY = "steady"
    STEP = "step"
    SPIKE = "spike"
    SOAK = "soak"


DEFAULT_SECONDS = {ShapeName.STEADY: 60, ShapeName.STEP: 100, ShapeName.SPIKE: 90, ShapeName.SOAK: 3600}


@dataclass(frozen=True, slots=True)
class Shape:
    """A load shape with its maximum number of users and its duration in seconds."""

    name: ShapeName
    users: int
    seconds: float

    @property
    def ramp_s(self) -> float:
        """Seconds until all users have started, for steady and soak."""
        return min(self.seconds / 4, 60)

    def users_at(self, second: float) -> int | None:
        """Return the number of users at a second of the run, or None when the run has ended."""
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
