"""Load shapes: the number of users, or the rate of arrivals, at each second of a run.

BentoML's workers share one listening socket, and connections that arrive in a burst are spread unevenly over them. So
every closed-loop shape except the spike, which tests bursts, ramps up slowly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

STEPS = 5


class ShapeName(StrEnum):
    """The names of the load shapes.

    steady          ramps up, then stays at the maximum
    step            increases in five steps
    spike           jumps from 20 % of the users to all of them, and back
    soak            the same as steady, for a long run
    poisson         open loop: requests arrive at random, at a constant mean rate
    poisson-step    open loop: the rate increases in five steps
    poisson-spike   open loop: the rate jumps from 20 % to 100 %, and back
    """

    STEADY = "steady"
    STEP = "step"
    SPIKE = "spike"
    SOAK = "soak"
    POISSON = "poisson"
    POISSON_STEP = "poisson-step"
    POISSON_SPIKE = "poisson-spike"

    @property
    def open_loop(self) -> bool:
        """Whether requests arrive at a rate, whether or not earlier ones have their responses."""
        return self.value.startswith("poisson")


DEFAULT_SECONDS = {
    ShapeName.STEADY: 60,
    ShapeName.STEP: 100,
    ShapeName.SPIKE: 90,
    ShapeName.SOAK: 3600,
    ShapeName.POISSON: 60,
    ShapeName.POISSON_STEP: 100,
    ShapeName.POISSON_SPIKE: 90,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A load shape with its maximum and its duration in seconds.

    users: the maximum number of users; open-loop shapes have none
    rate: the maximum rate of arrivals per second; only open-loop shapes have one
    """

    name: ShapeName
    users: int
    seconds: float
    rate: float = 0.0

    @property
    def ramp_s(self) -> float:
        """Seconds until all users have started, for steady and soak."""
        return min(self.seconds / 4, 60)

    def share_at(self, second: float) -> float:
        """Return the load at a second of the run, as a share of the maximum."""
        done = second / self.seconds
        match self.name:
            case ShapeName.STEADY | ShapeName.SOAK:
                return min(1, (second + 1) / self.ramp_s)
            case ShapeName.STEP | ShapeName.POISSON_STEP:
                return min(1, (math.floor(done * STEPS) + 1) / STEPS)
            case ShapeName.SPIKE | ShapeName.POISSON_SPIKE:
                return 1 if 0.4 <= done < 0.6 else 0.2
            case ShapeName.POISSON:
                return 1

    def users_at(self, second: float) -> int | None:
        """Return the number of users at a second of the run, or None when the run has ended."""
        return None if second >= self.seconds else max(1, round(self.users * self.share_at(second)))
