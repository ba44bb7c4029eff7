"""Arrival times of an open-loop load: a Poisson process, whose rate does not depend on the responses.

Real clients do not wait for one another. If a service is slow, their requests arrive all the same and queue up. The
sum of *n* independent Poisson processes of rate `r / n` is a Poisson process of rate `r`, so that several generators
need no coordination.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random


def poisson_times(rate: float, seconds: float, random: Random) -> Iterator[float]:
    """Yield the arrival times, in seconds from the start, of a Poisson process with a constant rate per second."""
    due = random.expovariate(rate)
    while due < seconds:
        yield due
        due += random.expovariate(rate)


def varying_poisson_times(
    peak: float, share_at: Callable[[float], float], seconds: float, random: Random
) -> Iterator[float]:
    """Yield the arrival times of a Poisson process whose rate at second `t` is `peak * share_at(t)`.

    Source: thinning; Lewis and Shedler, "Simulation of nonhomogeneous Poisson processes by thinning" (1979).
    """
    return (due for due in poisson_times(peak, seconds, random) if random.random() < share_at(due))
