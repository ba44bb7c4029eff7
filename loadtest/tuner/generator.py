"""The load generator of the tuner: a Locust process that runs one open-loop load after the other.

    python -m loadtest.tuner.generator URL [--texts FILE]

It reads a `Load` as a line of JSON from standard input, runs it, and writes a `LoadResult` as a line of JSON to
standard output, until standard input ends.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import count, cycle
from random import Random
from typing import Any, ClassVar

import gevent
from locust.env import Environment
from locust.exception import StopUser

from loadtest.arrivals import poisson_times
from loadtest.checks import PreviousEntities, RequestOptions, check_ner
from loadtest.open_loop import DUE, LATE, OpenLoopUser, Request
from loadtest.targets import Target, targets
from loadtest.texts import Sample, read_samples, samples
from loadtest.tuner.load import Load, LoadResult
from ner_runtime.json import to_json

MAX_CHARS = 1000
"""Longer texts of the load test are left out: their time would be that of the model, not of the service."""


class TunerUser(OpenLoopUser):
    """Sends the texts of the generator in turn, each to a random model of the service."""

    load: ClassVar[Load]
    texts: ClassVar[Iterator[tuple[int, Sample]]]
    wrong: ClassVar[Counter[str]]
    current: ClassVar[TunerUser | None] = None
    targets: ClassVar[list[Target]]

    @classmethod
    def prepare(cls, load: Load, texts: Iterator[tuple[int, Sample]]) -> None:
        """Set what the next user sends."""
        cls.load, cls.texts, cls.drain_s = load, texts, load.drain_s
        cls.wrong, cls.current = Counter(), None

    def on_start(self) -> None:
        super().on_start()
        response = self.client.get("/models", name="models")
        if response.status_code != 200:
            raise StopUser
        TunerUser.current = self
        TunerUser.targets = targets(response.json())

    def arrivals(self) -> Iterable[float]:
        if not self.load.clients:
            return poisson_times(self.load.rate, self.load.seconds, Random(self.load.seed))
        return self._clients()

    def _clients(self) -> Iterator[float]:
        """Yield an arrival whenever fewer than `clients` requests are pending: a closed loop."""
        started = time.perf_counter()
        while (now := time.perf_counter() - started) < self.load.seconds:
            if len(self._pending) < self.load.clients:
                yield now
            else:
                gevent.sleep(0.001)

    def requests(self) -> Iterator[Request]:
        chance = Random(self.load.seed)
        for number, sample in self.texts:
            # A number makes each text unique: the service computes equal concurrent texts only once.
            text = f"{sample.full_text}#{number}"
            model = chance.choice(self.targets)
            check = self._check(text, model) if number % self.load.check_every == 0 else None
            yield Request(to_json({"text": text, **model.fields}), check)

    def _check(self, text: str, model: Target) -> Callable[[bytes], None]:
        # Which entities a model finds is not checked: the tuner measures any model.
        def check(body: bytes) -> None:
            check_ner(body, text, RequestOptions(frozenset(model.types)), PreviousEntities())

        return check

    def on_wrong(self, message: str) -> None:
        self.wrong[message] += 1


def run_load(url: str, load: Load, texts: Iterator[tuple[int, Sample]]) -> LoadResult:
    """Run one load with Locust and return its result."""
    TunerUser.prepare(load, texts)
    environment = Environment(user_classes=[TunerUser], host=url)
    result, lateness, errors = LoadResult(), list[float](), Counter[str]()

    def on_request(name: str, response_time: float, exception: Exception | None, context: dict[str, Any], **_: Any):
        if DUE not in context:
            return
        lateness.append(context[LATE])
        if exception is None:
            result.due_s.append(round(context[DUE], 4))
            result.latencies_ms.append(round(response_time, 3))
        else:
            errors[str(exception)] += 1
        if exception is not None or response_time > load.goal_ms:
            nonlocal slow
            slow += 1
            if slow > load.max_late and result.stopped is None and TunerUser.current:
                result.stopped = time.perf_counter() - started
                TunerUser.current.stop_sending()

    slow = 0
    environment.events.request.add_listener(on_request)
    runner = environment.create_local_runner()
    started, cpu_before = time.perf_counter(), time.process_time()
    runner.start(1, spawn_rate=1)
    assert runner.spawning_greenlet is not None
    runner.spawning_greenlet.join()
    while runner.user_count:
        gevent.sleep(0.02)
    # Waiting for the last responses costs next to no CPU time, so the share is that of the sending time.
    result.wall_s = min(time.perf_counter() - started, load.seconds)
    result.cpu_s = time.process_time() - cpu_before
    runner.quit()
    if TunerUser.current is None:
        sys.exit(f"{url}/models cannot be read")
    result.unfinished_ms = [round(age, 1) for age in TunerUser.current.unfinished]
    result.sent = len(lateness) + len(result.unfinished_ms)
    result.errors, result.wrong = dict(errors), dict(TunerUser.wrong)
    result.late_ms = sorted(lateness)[len(lateness) * 99 // 100] if lateness else 0.0
    return result


def main() -> None:
    """Run the loads of standard input."""
    parser = argparse.ArgumentParser(prog="loadtest.tuner.generator", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--texts", help="A file with one text per line.")
    options = parser.parse_args()
    used = read_samples(options.texts) if options.texts else samples()
    # Processes that share a load must not send the same numbers.
    first = os.getpid() % 1000 * 10_000
    texts = zip(count(first), cycle([sample for sample in used if len(sample.full_text) < MAX_CHARS or options.texts]))
    for line in sys.stdin:
        result = run_load(options.url, Load.model_validate(json.loads(line)), texts)
        print(result.model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
