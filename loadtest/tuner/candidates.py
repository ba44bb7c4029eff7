"""Candidates: the combinations of workers, threads and engine that the tuner tries."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from pydantic import BaseModel, ConfigDict

ENGINES = ("onnxruntime", "openvino")


class Candidate(BaseModel):
    """One combination of settings."""

    model_config = ConfigDict(frozen=True)

    workers: int
    threads: int
    engine: str

    @property
    def cpus(self) -> int:
        """The number of CPUs that inference can use at the same time."""
        return self.workers * self.threads

    @property
    def name(self) -> str:
        """A short name for tables."""
        return f"{self.engine}, {self.workers}×{self.threads}"

    @property
    def variables(self) -> dict[str, str]:
        """The settings of the service, as environment variables."""
        values = {"RANER_WORKERS": self.workers, "RANER_THREADS": self.threads, "RANER_ENGINE": self.engine}
        return {name: str(value) for name, value in values.items()}


def installed_engines() -> list[str]:
    """Return the engines whose packages are installed."""
    return [engine for engine in ENGINES if find_spec(engine)]


def candidates(
    cpus: int, engines: Sequence[str], workers: Sequence[int] = (), threads: Sequence[int] = ()
) -> list[Candidate]:
    """Return the candidates for a number of CPUs, the most promising first.

    Inference never gets more threads than there are CPUs, unless `workers` or `threads` ask for it: threads that share
    a CPU only wait for one another. Candidates that use all CPUs come first, with one thread per worker before several.

    Args:
        cpus: the CPUs that the service may use
        engines: the engines to try
        workers: the numbers of workers to try; by default powers of two, and all CPUs
        threads: the numbers of threads to try; by default one, and the CPUs that each worker can have
    """
    pairs = {
        (some_workers, some_threads)
        for some_workers in workers or _powers_of_two(cpus)
        for some_threads in threads or {1, max(1, cpus // some_workers)}
        if (workers and threads) or some_workers * some_threads <= cpus or some_threads == 1
    }
    ordered = sorted(pairs, key=lambda pair: (-min(pair[0] * pair[1], cpus), pair[1], pair[0]))
    return [Candidate(workers=w, threads=t, engine=engine) for w, t in ordered for engine in engines]


def _powers_of_two(cpus: int) -> list[int]:
    return sorted({*(2**power for power in range(cpus.bit_length()) if 2**power <= cpus), cpus})
