"""Who uses the service: readers with one text, clerks with many, and clumsy ones whose requests are wrong.

Runs under `make loadtest`, which starts the service too, or by hand, with Locust's own page:
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
from loadtest.checks import Asked, Memory, OffsetUnit, Timings, Wrong, check_answer, check_batch, check_error
from loadtest.shapes import Shape, ShapeName
from loadtest.summary import PART, Judge, summary_of
from loadtest.texts import Sample, samples

LONG_CHARS = 1000
MAX_BATCH = 12

judge = Judge()
memory = Memory()


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """The options of this test, beside Locust's."""
    options = parser.add_argument_group("RaNER")
    options.add_argument("--shape", choices=[name.value for name in ShapeName], default=ShapeName.STEADY.value)
    options.add_argument("--peak", type=int, default=16, help="Users at the height of the load.")
    options.add_argument("--seconds", type=float, default=60, help="Length of the run.")
    options.add_argument("--think", type=float, default=1.0, help="Factor of the think times; 0: none.")
    options.add_argument("--summary-file", default="", help="Where the summary goes, as JSON.")


class Load(LoadTestShape):
    """The shape that was asked for."""

    abstract = False

    def tick(self) -> tuple[int, float] | None:
        assert self.runner is not None
        options: Any = self.runner.environment.parsed_options
        users = Shape(ShapeName(options.shape), options.peak, options.seconds).users_at(self.get_run_time())
        # The shape itself is what is slow or sudden: whoever is due at this second comes within it.
        return None if users is None else (users, max(1, options.peak))


class ServiceUser(FastHttpUser):
    """Anybody who calls the service."""

    abstract = True
    connection_timeout: float = 60
    network_timeout: float = 60
    thinks_s: ClassVar[tuple[float, float]] = (0.2, 1.0)

    def wait_time(self) -> float:
        factor: float = self.environment.parsed_options.think  # type: ignore[union-attr]
        return factor * random.uniform(*self.thinks_s)

    def on_start(self) -> None:
        self.model: dict[str, Any] = self.client.get("/model").json()
        self.sent = [sample for sample in samples() if len(sample.whole) <= self.model["limits"]["max_chars"]]

    @cached_property
    def headers(self) -> dict[str, str]:
        # From the environment, for an option would show among the processes.
        key = os.environ.get("RANER_API_KEY")
        return {"Authorization": f"Bearer {key}"} if key else {}

    def ask(self, path: str, name: str, body: dict[str, object], check: Callable[[bytes], Timings]) -> None:
        """Send a good request; its answer must be right."""
        data: Any = json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": JSON, **self.headers}
        with self.client.post(path, data=data, headers=headers, name=name, catch_response=True) as response:
            if response.status_code != 200:
                # Not wrong, but not served: overloaded, timed out, out of reach.
                response.failure(f"status {response.status_code}")
                return
            try:
                timings = check(response.content or b"")
            except Wrong as wrong:
                judge.wrong(name, str(wrong))
                response.failure(f"wrong answer: {wrong}")
                return
            # To the entry alone: a part of a request's time is no request, and must not count among them.
            entries = self.environment.stats.entries
            entries[(f"{name} queue", PART)].log(timings.queue, 0)
            entries[(f"{name} inference", PART)].log(timings.inference, 0)

    def some_options(self) -> tuple[Asked, dict[str, object]]:
        """Mostly none; sometimes the other unit, sometimes one type."""
        types: list[str] = self.model["default_types"]
        body: dict[str, object] = {}
        unit: OffsetUnit = "code_point"
        if random.random() < 0.3:
            unit = body["offset_unit"] = "utf16"
        if random.random() < 0.1:
            types = body["types"] = [random.choice(types)]
        return Asked(frozenset(types), unit), body


class Reader(ServiceUser):
    """Reads one text after the other, a long one now and then."""

    weight = 6

    @tag("short")
    @task(12)
    def short(self) -> None:
        self._read(random.choice([sample for sample in self.sent if len(sample.whole) < LONG_CHARS]), "/ner")

    @task(1)
    def long(self) -> None:
        long = [sample for sample in self.sent if len(sample.whole) >= LONG_CHARS]
        if long:
            self._read(random.choice(long), "/ner long")

    def _read(self, sample: Sample, name: str) -> None:
        asked, options = self.some_options()
        text = sample.whole

        def check(body: bytes) -> Timings:
            return check_answer(body, text, asked, memory, sample.names)

        self.ask("/ner", name, {"text": text, **options}, check)


class Clerk(ServiceUser):
    """Has many texts read at once; sometimes one of them is none."""

    weight = 2

    @task
    def batch(self) -> None:
        short = [sample.whole for sample in self.sent if len(sample.whole) < LONG_CHARS]
        texts = random.choices(short, k=random.randint(1, min(MAX_BATCH, self.model["limits"]["max_texts"])))
        errors: dict[int, str] = {}
        if random.random() < 0.2:
            index = random.randrange(len(texts))
            texts[index], errors = "", {index: "empty_text"}
        asked, options = self.some_options()

        def check(body: bytes) -> Timings:
            return check_batch(body, texts, errors, asked, memory)

        self.ask("/ner/batch", "/ner/batch", {"texts": texts, **options}, check)


class Clumsy(ServiceUser):
    """Gets every request wrong. The right error is a success."""

    weight = 1

    def on_start(self) -> None:
        super().on_start()
        limits = self.model["limits"]
        self.wrong_ones = bad_requests(limits["max_chars"], limits["max_body_bytes"])

    @task
    def blunder(self) -> None:
        bad: BadRequest = random.choice(self.wrong_ones)
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
            except Wrong as wrong:
                judge.wrong("bad request", f"{bad.name}: {wrong}")
                response.failure(f"wrong answer: {bad.name}: {wrong}")
            else:
                response.success()


@events.quitting.add_listener
def write_summary(environment: Environment, **_: object) -> None:
    """What was measured, for people and programs; the exit status is for `run.py` to judge."""
    options: Any = environment.parsed_options
    if options.summary_file:
        summary = summary_of(environment.stats, judge, environment.host or "", options.shape, options.peak)
        Path(options.summary_file).write_text(summary.model_dump_json(indent=2), encoding="utf-8")
