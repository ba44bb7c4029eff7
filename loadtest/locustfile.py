"""Simulated users that send single texts, batches, texts to redact or bad requests.

`make loadtest` runs Locust with this file; the open-loop shapes use only `Arrivals`. To use Locust's web UI instead:
`locust -f loadtest/locustfile.py --host http://localhost:3000`.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from locust import FastHttpUser, LoadTestShape, User, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser

from loadtest.arrivals import varying_poisson_times
from loadtest.bad_requests import JSON, BadRequest, bad_requests
from loadtest.checks import (
    PreviousEntities,
    RequestOptions,
    WrongResponse,
    check_batch,
    check_error,
    check_ner,
    check_redact,
)
from loadtest.open_loop import OpenLoopUser, Request
from loadtest.shapes import Shape, ShapeName
from loadtest.summary import PART, WrongResponseCounter, summary_of
from loadtest.targets import Target, targets
from loadtest.texts import Sample, samples
from ner_runtime.json import to_json
from ner_runtime.serving.api.responses import OffsetUnit, Timings

LONG_CHARS = 1000
MAX_BATCH = 12

wrong_responses = WrongResponseCounter()
previous = PreviousEntities()


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Add the options of the load test to Locust's command line."""
    options = parser.add_argument_group("RaNER")
    options.add_argument("--shape", choices=[name.value for name in ShapeName], default=ShapeName.STEADY.value)
    options.add_argument("--peak", type=int, default=16, help="Highest number of users.")
    options.add_argument("--rate", type=float, default=50, help="Highest arrivals per second of open-loop shapes.")
    options.add_argument("--check-every", type=int, default=1, help="Open loop: check one response in so many.")
    options.add_argument("--seconds", type=float, default=60, help="Duration of the run.")
    options.add_argument("--think", type=float, default=1.0, help="Factor for the think times; 0: no think times.")
    options.add_argument("--summary-file", default="", help="Path of the summary, a JSON file.")


def shape_of(environment: Environment) -> Shape:
    """Return the load shape that the options select."""
    options: Any = environment.parsed_options
    return Shape(ShapeName(options.shape), options.peak, options.seconds, options.rate)


class Load(LoadTestShape):
    """Sets the number of users by the load shape that `--shape` selects."""

    abstract = False

    def tick(self) -> tuple[int, float, list[type[User]]] | None:
        assert self.runner is not None
        environment = self.runner.environment
        shape = shape_of(environment)
        users = [user for user in environment.user_classes if issubclass(user, Arrivals) == shape.name.open_loop]
        if shape.name.open_loop:
            # One user sends all requests, and ends the run when the last one has its response.
            return None if Arrivals.ended else (1, 1, users)
        count = shape.users_at(self.get_run_time())
        # The shape already includes the ramp-up, so that all users that are due start within this second.
        return None if count is None else (count, max(1, shape.users), users)


class ServiceUser(FastHttpUser):
    """Base class of the simulated users."""

    abstract = True
    connection_timeout: float = 60
    network_timeout: float = 60
    think_time_s: ClassVar[tuple[float, float]] = (0.2, 1.0)

    def wait_time(self) -> float:
        factor: float = self.environment.parsed_options.think  # type: ignore[union-attr]
        return factor * random.uniform(*self.think_time_s)

    def on_start(self) -> None:
        self.model: dict[str, Any] = self.client.get("/model").json()
        self.targets = targets(self.client.get("/models").json())
        self.samples = [sample for sample in samples() if len(sample.full_text) <= self.model["limits"]["max_chars"]]

    @cached_property
    def headers(self) -> dict[str, str]:
        # Not an option: every user of the machine can see options in the process list.
        key = os.environ.get("RANER_API_KEY")
        return {"Authorization": f"Bearer {key}"} if key else {}

    def send(self, path: str, name: str, body: dict[str, object], check: Callable[[bytes], Timings]) -> None:
        """Send a valid request and check the response."""
        data: Any = json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": JSON, **self.headers}
        with self.client.post(path, data=data, headers=headers, name=name, catch_response=True) as response:
            if response.status_code != 200:
                # A failure, but not a wrong response: overloaded, timed out or unreachable.
                response.failure(f"status {response.status_code}")
                return
            try:
                timings = check(response.content or b"")
            except WrongResponse as error:
                wrong_responses.add(name, str(error))
                response.failure(f"wrong response: {error}")
                return
            log_timings(self.environment, name, timings)

    def random_options(self) -> tuple[RequestOptions, dict[str, object]]:
        return random_options(self.targets)


def log_timings(environment: Environment, name: str, timings: Timings) -> None:
    """Count the parts of a request's time."""
    # Log to the entries directly, so that a part of a request's time does not count as a request.
    entries: Any = environment.stats.entries
    entries[(f"{name} queue", PART)].log(timings.queue, 0)
    entries[(f"{name} inference", PART)].log(timings.inference, 0)


def random_options(models: Sequence[Target]) -> tuple[RequestOptions, dict[str, object]]:
    """Return random options and their request fields: one of the models, in 30 % UTF-16 offsets, in 10 % one type."""
    model = random.choice(models)
    types = model.types
    body = dict(model.fields)
    unit: OffsetUnit = "code_point"
    if random.random() < 0.3:
        unit = body["offset_unit"] = "utf16"
    if random.random() < 0.1:
        types = (random.choice(types),)
        body["types"] = list(types)
    return RequestOptions(frozenset(types), unit), body


class SingleTextUser(ServiceUser):
    """Sends single texts; one in thirteen is long."""

    weight = 6

    @task(12)
    def short(self) -> None:
        self._send_sample(
            random.choice([sample for sample in self.samples if len(sample.full_text) < LONG_CHARS]), "/ner"
        )

    @task(1)
    def long(self) -> None:
        long = [sample for sample in self.samples if len(sample.full_text) >= LONG_CHARS]
        if long:
            self._send_sample(random.choice(long), "/ner long")

    def _send_sample(self, sample: Sample, name: str) -> None:
        options, fields = self.random_options()
        text = sample.full_text

        def check(body: bytes) -> Timings:
            return check_ner(body, text, options, previous, sample.names)

        self.send("/ner", name, {"text": text, **fields}, check)


class Arrivals(OpenLoopUser):
    """Sends short texts at random times, for the open-loop shapes."""

    ended: ClassVar[bool] = False

    def on_start(self) -> None:
        super().on_start()
        Arrivals.ended = False
        self.targets: list[Target] = []
        with self.client.get("/models", catch_response=True) as response:
            try:
                self.targets = targets(response.json())
            except (KeyError, TypeError, ValueError):
                response.failure("the response does not list the models")
        if not self.targets:
            # Any other exception would end this user only, and the run would not end.
            raise StopUser

    def on_stop(self) -> None:
        for age_ms in self.unfinished:
            self.environment.events.request.fire(
                request_type="POST",
                name="/ner",
                response_time=age_ms,
                response_length=0,
                exception=TimeoutError("no response"),
                context={},
            )
        Arrivals.ended = True

    def arrivals(self) -> Iterable[float]:
        shape = shape_of(self.environment)
        return varying_poisson_times(shape.rate, shape.share_at, shape.seconds, random.Random())

    def requests(self) -> Iterator[Request]:
        short = [sample for sample in samples() if len(sample.full_text) < LONG_CHARS]
        options: Any = self.environment.parsed_options
        for number in count():
            sample = random.choice(short)
            checked, fields = random_options(self.targets)
            # A number makes each text unique: the service computes equal concurrent texts only once.
            text = f"{sample.full_text}#{number}"
            check = self._check(text, checked, sample) if number % options.check_every == 0 else None
            yield Request(to_json({"text": text, **fields}), check)

    def _check(self, text: str, options: RequestOptions, sample: Sample) -> Callable[[bytes], None]:
        def check(body: bytes) -> None:
            log_timings(self.environment, "/ner", check_ner(body, text, options, PreviousEntities(), sample.names))

        return check

    def on_wrong(self, message: str) -> None:
        wrong_responses.add("/ner", message)


class BatchUser(ServiceUser):
    """Sends batches; in 20 % of them one text is empty."""

    weight = 2

    @task
    def batch(self) -> None:
        short = [sample.full_text for sample in self.samples if len(sample.full_text) < LONG_CHARS]
        texts = random.choices(short, k=random.randint(1, min(MAX_BATCH, self.model["limits"]["max_texts"])))
        errors: dict[int, str] = {}
        if random.random() < 0.2:
            index = random.randrange(len(texts))
            texts[index], errors = "", {index: "empty_text"}
        options, fields = self.random_options()

        def check(body: bytes) -> Timings:
            return check_batch(body, texts, errors, options, previous)

        self.send("/ner/batch", "/ner/batch", {"texts": texts, **fields}, check)


class RedactUser(ServiceUser):
    """Sends single texts to be redacted."""

    weight = 1

    @task
    def redact(self) -> None:
        text = random.choice([sample.full_text for sample in self.samples if len(sample.full_text) < LONG_CHARS])
        options, fields = self.random_options()

        def check(body: bytes) -> Timings:
            return check_redact(body, text, options.unit)

        self.send("/redact", "/redact", {"text": text, **fields}, check)


class BadRequestUser(ServiceUser):
    """Sends bad requests. The expected error response counts as a success."""

    weight = 1

    def on_start(self) -> None:
        super().on_start()
        limits = self.model["limits"]
        self.bad_requests = bad_requests(limits["max_chars"], limits["max_body_bytes"])

    @task
    def bad_request(self) -> None:
        bad: BadRequest = random.choice(self.bad_requests)
        headers = {"Content-Type": bad.media_type, **self.headers}
        data: Any = bad.body
        with self.client.request(
            bad.method, bad.path, data=data, headers=headers, name="bad request", catch_response=True
        ) as response:
            if response.status_code in (0, 429, 503, 504):
                response.failure(f"status {response.status_code}")
                return
            try:
                check_error(response.status_code, response.content or b"", bad.status, bad.code)
            except WrongResponse as error:
                wrong_responses.add("bad request", f"{bad.name}: {error}")
                response.failure(f"wrong response: {bad.name}: {error}")
            else:
                response.success()


@events.quitting.add_listener
def write_summary(environment: Environment, **_: object) -> None:
    """Write the summary to `--summary-file`. `run.py` reads it and sets the exit status."""
    options: Any = environment.parsed_options
    if options.summary_file:
        summary = summary_of(environment.stats, wrong_responses, environment.host or "", options.shape, options.peak)
        Path(options.summary_file).write_text(summary.model_dump_json(indent=2), encoding="utf-8")
