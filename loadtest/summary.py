"""Summary: the figures of a run, as they are written to a file, judged and shown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    # Importing Locust patches the process it is imported in; who only reads a summary must not be.
    from locust.stats import RequestStats, StatsEntry

PART = "PART"
"""Method of the rows that are parts of a request's time."""

_SHOWN = 3


class Row(BaseModel):
    """A kind of request, or a part of its time. Locust rounds times above 100 ms to two digits."""

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
    """A run. `wrong`: how often each wrong answer came; `failed`: how often each failure did, those included."""

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
        """Failures by requests; 1 where nothing was asked."""
        return self.total.failures / self.total.requests if self.total.requests else 1.0

    def row(self, name: str) -> Row | None:
        """The row of that name."""
        return next((row for row in self.rows if row.name == name), None)

    def verdict(self, max_failure_rate: float) -> str | None:
        """Why the run has failed, in one line; None where it has not."""
        if not self.total.requests:
            return "nothing was asked"
        if self.wrong:
            often = sorted(self.wrong, key=self.wrong.__getitem__, reverse=True)[:_SHOWN]
            return f"{sum(self.wrong.values())} wrong answers, most often: {'; '.join(often)}"
        if self.failure_rate > max_failure_rate:
            return f"{self.failure_rate:.2%} of the requests failed; the bound is {max_failure_rate:.2%}"
        return None

    def table(self) -> str:
        """The figures for people."""
        head = f"{'':28}{'requests':>10}{'failed':>8}{'/s':>9}{'P50 ms':>9}{'P90 ms':>9}{'P99 ms':>9}{'max ms':>9}"
        return "\n".join([head, *map(_line, self.rows), _line(self.total)])


class Judge:
    """Counts wrong answers, apart from Locust's statistics, which are reset when all users are there."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def wrong(self, name: str, what: str) -> None:
        """Count one."""
        self.seen[f"{name}: {what}"] += 1


def summary_of(stats: RequestStats, judge: Judge, url: str, shape: str, users: int) -> Summary:
    """The summary of Locust's statistics."""
    entries = sorted(stats.entries.values(), key=lambda entry: (entry.method == PART, entry.name))
    total = stats.total
    return Summary(
        url=url,
        shape=shape,
        users=users,
        seconds=round((total.last_request_timestamp or total.start_time) - total.start_time, 1),
        rows=[_row(entry) for entry in entries if entry.num_requests],
        total=_row(total, "all"),
        wrong=dict(judge.seen),
        failed={f"{error.name}: {error.error}": error.occurrences for error in stats.errors.values()},
    )


def _row(entry: StatsEntry, name: str | None = None) -> Row:
    p50, p90, p99 = (float(entry.get_response_time_percentile(part) or 0) for part in (0.5, 0.9, 0.99))
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
