"""Simulated users that send single texts, batches or bad requests.

`make loadtest` runs Locust with this file. To use Locust's web UI instead:
`locust -f loadtest/locustfile.py --host http://localhost:3000`.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from locust import FastHttpUser, LoadTestShape, events, tag, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from loadtest.bad_requests import JSON, BadRequest, bad_requests
from loadtest.checks import PreviousEntities, RequestOptions, WrongResponse, check_batch, check_error, check_ner
from loadtest.shapes import Shape, ShapeName
from loadtest.summary import PART, WrongResponseCounter, summary_of
from loadtest.texts import Sample, samples
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
    options.add_argument("--seconds", type=float, default=60, help="Duration of the run.")
    options.add_argument("--think", type=float, default=1.0, help="Factor for the think times; 0: no think times.")
    options.add_argument("--summary-file", default="", help="Path of the summary, a JSON file.")


class Load(LoadTestShape):
    """Sets the number of users by the load shape that `--shape` selects."""

    abstract = False

    def tick(self) -> tuple[int, float] | None:
        assert self.runner is not None
        options: Any = self.runner.environment.parsed_options
        users = Shape(ShapeName(options.shape), options.peak, options.seconds).users_at(self.get_run_time())
        # The shape already includes the ramp-up, so that all users that are due start within this second.
        return None if users is None else (users, max(1, options.peak))


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
            # Log to the entries directly, so that a part of a request's time does not count as a request.
            entries = self.environment.stats.entries
            entries[(f"{name} queue", PART)].log(timings.queue, 0)
            entries[(f"{name} inference", PART)].log(timings.inference, 0)

    def random_options(self) -> tuple[RequestOptions, dict[str, object]]:
        """Return random options and their request fields: in 30 % UTF-16 offsets, in 10 % a single type."""
        types: list[str] = self.model["default_types"]
        body: dict[str, object] = {}
        unit: OffsetUnit = "code_point"
        if random.random() < 0.3:
            unit = body["offset_unit"] = "utf16"
        if random.random() < 0.1:
            types = body["types"] = [random.choice(types)]
        return RequestOptions(frozenset(types), unit), body


class SingleTextUser(ServiceUser):
    """Sends single texts; one in thirteen is long."""

    weight = 6

    @tag("short")
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
