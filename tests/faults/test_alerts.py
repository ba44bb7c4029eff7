"""Every alert fires when its condition occurs in the real service: `make faults`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import psutil
import pytest

from ner_runtime.atomic_files import write_atomically
from tests.support.http.load import load
from tests.support.models.twins import LEFT, RIGHT, switch
from tests.support.servers.service import stop
from tests.support.servers.stack import DAMAGED, TEXTS, Stack, running_stack
from tests.support.servers.workers import ready_workers, wait_for, workers
from tests.support.texts.examples import NEWS

pytestmark = pytest.mark.faults

# Each takes about as long to read as a request may take.
DOCUMENTS = ["".join(f"{text}{number}" for text in NEWS * 4000)[:90_000] for number in range(20)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


def fires(stack: Stack, *alerts: str, seconds: float = 40) -> None:
    """Wait until the alerts have fired, each at least once."""
    missing = set(alerts)

    def fired() -> bool:
        missing.difference_update(stack.prometheus.firing())
        return not missing

    try:
        wait_for(fired, seconds)
    except AssertionError:
        seen = stack.prometheus.query('{__name__=~"raner_(requests_total|worker_starts_total|shed_total)"}')
        counts = [(sample["metric"], sample["value"][1]) for sample in seen]
        pytest.fail(f"{', '.join(sorted(missing))} did not fire; {counts}")


def quiet(stack: Stack, *alerts: str) -> None:
    """Wait until alerts that an earlier test provoked are over."""
    wait_for(lambda: not set(alerts) & stack.prometheus.firing(), 60)


@contextmanager
def stopped(processes: Sequence[psutil.Process]) -> Generator[None]:
    """Processes stopped as by a debugger."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


# The order matters: each test leaves two ready workers, and the last one ends the service.


def test_requests_beyond_the_limit_fire_shedding(stack: Stack) -> None:
    quiet(stack, "RanerShedding")
    with load(stack.service.url, TEXTS, clients=24):
        fires(stack, "RanerShedding")


def test_redis_that_does_not_answer_fires_cache_errors(stack: Stack) -> None:
    quiet(stack, "RanerCacheErrors")
    with load(stack.service.url, TEXTS, clients=2, pause=0.05):
        stack.redis.pause()
        try:
            fires(stack, "RanerCacheErrors")
        finally:
            stack.redis.resume()


def test_workers_that_stop_for_six_seconds_fire_errors_and_slow(stack: Stack) -> None:
    quiet(stack, "RanerErrors", "RanerSlow")
    # Documents that take about as long as a request may: some are in flight at any time.
    with load(stack.service.url, DOCUMENTS, clients=3):
        wait_for(lambda: bool(stack.prometheus.query("raner_in_flight > 1")), 30)
        with stopped(workers(stack.service)):
            began = stack.prometheus.time()
            wait_for(lambda: stack.prometheus.time() > began + 6, 30)
        fires(stack, "RanerErrors", "RanerSlow")


def test_workers_of_two_versions_fire_several_models(stack: Stack) -> None:
    quiet(stack, "RanerSeveralModels")
    with stopped(workers(stack.service)[-1:]):
        switch(stack.model, stack.directory / RIGHT)
        fires(stack, "RanerSeveralModels")


def test_a_damaged_model_fires_update_failed(stack: Stack) -> None:
    quiet(stack, "RanerModelUpdateFailed")
    switch(stack.model, stack.directory / DAMAGED)
    fires(stack, "RanerModelUpdateFailed")
    switch(stack.model, stack.directory / LEFT)


def test_a_lexicon_without_an_entry_fires_lexicon_failed(stack: Stack) -> None:
    quiet(stack, "RanerLexiconFailed")
    write_atomically(stack.lexicon, b"no entry\n")
    fires(stack, "RanerLexiconFailed")


def test_workers_that_are_killed_fire_restarts(stack: Stack) -> None:
    quiet(stack, "RanerWorkersRestart")
    for _ in range(3):
        killed = {worker.pid for worker in workers(stack.service)}
        for worker in workers(stack.service):
            worker.kill()
        wait_for(lambda: len({worker.pid for worker in ready_workers(stack.service)} - killed) == 2, 60)  # noqa: B023
    fires(stack, "RanerWorkersRestart")


def test_a_service_without_workers_fires_no_worker(stack: Stack) -> None:
    quiet(stack, "RanerNoWorker")
    # Otherwise the supervisor replaces them.
    with stopped([psutil.Process(stack.service.process.pid)]):
        for worker in workers(stack.service):
            worker.kill()
        fires(stack, "RanerNoWorker")
    wait_for(lambda: len(ready_workers(stack.service)) == 2, 60)


def test_a_service_that_is_gone_fires_down(stack: Stack) -> None:
    quiet(stack, "RanerDown")
    stop(stack.service.process)
    fires(stack, "RanerDown")
