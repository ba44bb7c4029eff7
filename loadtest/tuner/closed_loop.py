"""A finalist under load from a fixed number of clients, as in the comparison of the finalists."""

from __future__ import annotations

from dataclasses import dataclass

from loadtest.tuner.candidates import Candidate
from loadtest.tuner.load import (
    CLIENTS,
    GeneratorFailed,
    Generators,
    Load,
    LoadResult,
    exit_status,
    first_wrong,
    throughput,
    wrong_note,
)
from ner_runtime.serving.lifecycle.service_process import ServiceProcess


class FinalistFailed(Exception):
    """A finalist failed during the comparison and must not be chosen; the message has the reason."""

    def __init__(self, finalist: Candidate, reason: str) -> None:
        super().__init__(reason)
        self.finalist = finalist


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """A finalist with its service and its generators."""

    finalist: Candidate
    service: ServiceProcess
    load: Generators

    def run(self, seconds: float) -> float:
        """Run a closed loop and return the responses per second.

        Raises:
            FinalistFailed: a response was wrong, there was none, or the service has ended.
            GeneratorFailed: a generator process has ended, but the service has not.
        """
        process = self.service.process
        results: list[LoadResult] = []
        try:
            results = self.load.run(Load(seconds=seconds, clients=CLIENTS))
        except GeneratorFailed:
            if exit_status(process) is None:
                raise
        if wrong := first_wrong(results):
            raise FinalistFailed(self.finalist, wrong_note(wrong))
        if (status := process.poll()) is not None:
            raise FinalistFailed(self.finalist, f"the service ended with status {status} during the comparison")
        if not (rate := throughput(results)):
            errors = "; ".join(sorted({message for result in results for message in result.errors}))
            note = "no successful response in a round of the comparison"
            raise FinalistFailed(self.finalist, f"{note}: {errors}" if errors else note)
        return rate
