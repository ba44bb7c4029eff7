"""Summarize the results of a run, and decide whether it failed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    # Importing Locust patches the standard library; a process that only reads a summary must not be patched.
    from locust.stats import RequestStats, StatsEntry

PART = "PART"
"""The `method` of a row that measures a part of a request's time, such as inference, not a whole request."""

_SHOWN = 3


class Row(BaseModel):
    """The figures of one kind of request, or of a part of its time.

    Locust rounds percentiles above 100 ms to two significant digits.
    """

    name: str
    method: str
    requests: int
    failures: int
    per_s: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


class Summary(BaseModel):
    """The results of a run.

    `wrong` counts wrong responses by message; `failed` counts all failures by message, including wrong responses.
    """

    url: str
    shape: str
    users: int
    seconds: float
    rows: list[Row]
    total: Row
    wrong: dict[str, int]
    failed: dict[str, int]

    @property
    def failure_rate(self) -> float:
        """Failures divided by requests; 1 if no request was sent."""
        return self.total.failures / self.total.requests if self.total.requests else 1.0

    def row(self, name: str) -> Row | None:
        """Return the row named `name`, or None."""
        return next((row for row in self.rows if row.name == name), None)

    def verdict(self, max_failure_rate: float, goal_ms: float | None = None) -> str | None:
        """Return why the run failed, in one line, or None if it passed.

        Args:
            goal_ms: the highest P99 of all requests
        """
        if not self.total.requests:
            return "no request was sent"
        if self.wrong:
            frequent = sorted(self.wrong, key=self.wrong.__getitem__, reverse=True)[:_SHOWN]
            return f"{sum(self.wrong.values())} wrong responses, most frequent: {'; '.join(frequent)}"
        if self.failure_rate > max_failure_rate:
            return f"{self.failure_rate:.2%} of the requests failed; the bound is {max_failure_rate:.2%}"
        if goal_ms is not None and self.total.p99_ms > goal_ms:
            return f"P99 is {self.total.p99_ms:.0f} ms; the goal is {goal_ms:.0f} ms"
        return None

    def table(self) -> str:
        """Return the figures as a table of plain text."""
        head = f"{'':28}{'requests':>10}{'failed':>8}{'/s':>9}{'P50 ms':>9}{'P90 ms':>9}{'P99 ms':>9}{'max ms':>9}"
        return "\n".join([head, *map(_line, self.rows), _line(self.total)])


class WrongResponseCounter:
    """Counts the wrong responses of the whole run; `--reset-stats` resets only Locust's own statistics."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, name: str, message: str) -> None:
        """Count one wrong response to a request named `name`."""
        self.counts[f"{name}: {message}"] += 1


def summary_of(stats: RequestStats, counter: WrongResponseCounter, url: str, shape: str, users: int) -> Summary:
    """Make the summary of a run from Locust's statistics."""
    entries = sorted(stats.entries.values(), key=lambda entry: (entry.method == PART, entry.name))
    total = stats.total
    return Summary(
        url=url,
        shape=shape,
        users=users,
        seconds=round((total.last_request_timestamp or total.start_time) - total.start_time, 1),
        rows=[_row(entry) for entry in entries if entry.num_requests],
        total=_row(total, "all"),
        wrong=dict(counter.counts),
        failed={f"{error.name}: {error.error}": error.occurrences for error in stats.errors.values()},
    )


def _row(entry: StatsEntry, name: str | None = None) -> Row:
    p50, p90, p99 = (float(entry.get_response_time_percentile(percentile) or 0) for percentile in (0.5, 0.9, 0.99))
    return Row(
        name=name or entry.name,
        method=entry.method or "",
        requests=entry.num_requests,
        failures=entry.num_failures,
        per_s=round(entry.total_rps, 2),
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        max_ms=round(entry.max_response_time, 1),
    )


def _line(row: Row) -> str:
    times = "".join(f"{time:>9.0f}" for time in (row.p50_ms, row.p90_ms, row.p99_ms, row.max_ms))
    return f"{f'{row.method} {row.name}'.strip():28}{row.requests:>10}{row.failures:>8}{row.per_s:>9.1f}{times}"
