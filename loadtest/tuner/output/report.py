"""Write the results as CSV, JSON and a self-contained HTML page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from loadtest.run import report_file
from loadtest.tuner.candidates import Candidate
from loadtest.tuner.decisions.choice import best_trial
from loadtest.tuner.measurement import Run
from loadtest.tuner.output.chart import Line, legend, line_chart
from loadtest.tuner.output.env_file import env_variables
from loadtest.tuner.tuning import Trial, Tuning
from ner_runtime.atomic_files import write_atomically

_PERCENTILES = (("P50", "p50_ms", 0), ("P95", "p95_ms", 1), ("P99", "p99_ms", 2))
_STYLE = """
:root { --bg: #fff; --text: #1a1a1a; --muted: #666; --grid: #ddd; --goal: #b00020;
  --c0: #0b6e99; --c1: #8a5a00; --c2: #b00060; --c3: #3a7d00; --c4: #5b3fb5; --c5: #555; }
@media (prefers-color-scheme: dark) { :root { --bg: #101014; --text: #e8e8ee; --muted: #9a9aa5; --grid: #333;
  --goal: #ff6b7a; --c0: #4cc3f1; --c1: #f0b44c; --c2: #ff7ac0; --c3: #8fd14f; --c4: #b79cff; --c5: #bbb; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
  background: var(--bg); color: var(--text); }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--grid); text-align: right; }
th:first-child, td:first-child, td:last-child, th:last-child { text-align: left; }
tr.best { font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; } svg text { fill: var(--muted); }
svg text.title { fill: var(--text); font-size: 13px; font-weight: 600; }
.grid { stroke: var(--grid); } .line { fill: none; stroke-width: 2; } svg.swatch { width: 28px; margin-right: .4rem; }
line.goal { stroke: var(--goal); stroke-dasharray: 6 4; } svg text.goal { fill: var(--goal); }
line.knee { stroke: var(--text); stroke-dasharray: 2 3; } svg text.knee { fill: var(--text); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; }
pre { background: color-mix(in srgb, var(--grid) 40%, var(--bg)); padding: .8rem; overflow-x: auto; }
"""
_DASHES = ("none", "6 3", "2 2", "8 3 2 3", "12 4", "4 2")
_STYLES = 2 * len(_DASHES)


def write_reports(report: Path, tuning: Tuning, machine: dict[str, Any]) -> None:
    """Write a report: files with the suffixes .csv, .json and .html.

    Args:
        machine: facts about the machine, such as its processor

    Raises:
        OSError: a file cannot be written.
    """
    write_atomically(report_file(report, ".csv"), csv_report(tuning).encode())
    write_atomically(report_file(report, ".json"), (json.dumps(json_report(tuning, machine), indent=1) + "\n").encode())
    write_atomically(report_file(report, ".html"), html_report(tuning, machine).encode())


def csv_report(tuning: Tuning) -> str:
    """Return one line per run."""
    output = io.StringIO()
    figures = [name for name in Run.model_fields if name != "wrong"]
    writer = csv.DictWriter(output, [*Candidate.model_fields, "passed", "cpu_ms", *figures], lineterminator="\n")
    writer.writeheader()
    for trial in tuning.trials:
        for run in trial.runs:
            row = {**trial.candidate.model_dump(), "passed": run.passed, "cpu_ms": round(run.cpu_ms, 3)}
            writer.writerow({**row, **run.model_dump(include=set(figures))})
    return output.getvalue()


def json_report(tuning: Tuning, machine: dict[str, Any]) -> dict[str, Any]:
    """Return all results, with the recommended settings."""
    best = best_trial(tuning)
    return {
        "machine": machine,
        "started": tuning.started,
        "plan": tuning.plan.model_dump(exclude={"candidates"}),
        "recommended": recommended_variables(best, tuning),
        "comparison": tuning.comparison.model_dump() if tuning.comparison else None,
        "not_compared": tuning.not_compared,
        "trials": [
            {**trial.model_dump(exclude={"runs", "done"}), **summary(trial, tuning), "runs": trial.model_dump()["runs"]}
            for trial in tuning.trials
        ],
    }


def recommended_variables(best: Trial | None, tuning: Tuning) -> dict[str, str]:
    """Return the variables of the best trial; none if there is no best trial."""
    knee = best.knee(tuning.plan) if best else None
    return env_variables(best.candidate, max(run.memory_mib for run in best.runs)) if best and knee else {}


def summary(trial: Trial, tuning: Tuning) -> dict[str, Any]:
    """Return the figures of a trial: the knee, its confidence, efficiency and memory."""
    bracket, knee = trial.bracket(tuning.plan), trial.knee(tuning.plan)
    return {
        "rate": trial.rate(tuning.plan),
        "failed_rate": bracket.failed,
        "confirmed": bracket.confirmed,
        "lower_bound": trial.lower_bound(tuning.plan),
        "p99_ms": knee.p99_ms if knee else None,
        "goodput": knee.goodput if knee else None,
        "rate_per_cpu": round(trial.rate(tuning.plan) / trial.candidate.cpus, 2),
        "cpu_ms": round(knee.cpu_ms, 3) if knee else None,
        "memory_mib": max((run.memory_mib for run in trial.runs), default=None),
    }


def table(tuning: Tuning) -> list[list[str]]:
    """Return the results as rows of text; the first row is the heading."""
    head = ["engine, workers×threads", "rate/s", "fails at", "P99 ms", "per CPU", "CPU ms", "PSS MiB", "confidence"]
    return [head, *(_cells(trial, tuning) for trial in tuning.trials)]


def confidence(trial: Trial, tuning: Tuning) -> str:
    """Return how reliable the result of a trial is, in a few words."""
    bracket, knee = trial.bracket(tuning.plan), trial.knee(tuning.plan)
    parts: list[str] = []
    if knee is None:
        parts.append("failed" if trial.failed else "no rate met the goal")
    else:
        agreeing = sum(run.rate == knee.rate and run.passed for run in trial.runs)
        parts.append(f"{agreeing} of {sum(run.rate == knee.rate for run in trial.runs)} runs met the goal")
        if bracket.failed:
            parts.append(f"rate known to within {100 * (bracket.failed / knee.rate - 1):.0f} %")
        parts.append(f"P99 between {knee.p99_low_ms:.0f} and {knee.p99_high_ms:.0f} ms")
        if not bracket.confirmed:
            parts.append("not confirmed")
    if limited := trial.lower_bound(tuning.plan):
        parts.append(f"a lower bound: {limited}")
    if tuning.comparison and (compared := tuning.comparison.describe(trial.candidate)):
        parts.append(compared)
    return "; ".join([*parts, *([trial.note] if trial.note else [])])


def html_report(tuning: Tuning, machine: dict[str, Any]) -> str:
    """Return the report as an HTML page that needs no other file."""
    best = best_trial(tuning)
    measured = [trial for trial in tuning.trials if trial.runs]
    variables = recommended_variables(best, tuning)
    result = "".join(f"{name}={value}\n" for name, value in variables.items()) or "No candidate met the goal.\n"
    facts = " · ".join(f"{escape(name)}: {escape(str(value))}" for name, value in machine.items())
    goodput = [
        Line(trial.candidate.name, _median_points(trial.runs, "goodput"), number % _STYLES)
        for number, trial in enumerate(measured)
    ]
    efficiency = [
        Line(trial.candidate.name, _median_points(trial.runs, "cpu_ms"), number % _STYLES)
        for number, trial in enumerate(measured)
    ]
    percentiles = [Line(name, [], style) for name, _, style in _PERCENTILES]
    not_compared = f"<p>No comparison side by side: {escape(tuning.not_compared)}</p>" if tuning.not_compared else ""
    charts = "\n".join(_latency_chart(trial, tuning) for trial in measured)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tuning report</title><style>{_STYLE}{_line_styles()}</style></head><body>
<h1>Tuning report</h1>
<p>{escape(tuning.started)} · {facts}</p>
<p>Goal: P99 at most {tuning.plan.goal_ms:g} ms and at most 0.1 % failed requests, with random (Poisson) arrivals.
Latency counts from the time at which a request was due.</p>
<h2>Recommended settings</h2>
<pre>{escape(result)}</pre>
<h2>Candidates</h2>
{_html_table(tuning, best)}
{not_compared}
<h2>Throughput and efficiency</h2>
{legend(goodput)}
<div class="charts">
{line_chart("Goodput: responses within the goal, per second", "arrivals per second", goodput)}
{line_chart("CPU time of the service per request, ms", "arrivals per second", efficiency)}
</div>
<h2>Latency by rate</h2>
{legend(percentiles)}
<p>In milliseconds. The knee is the highest rate that met the goal; values beyond twice the goal are cut off.</p>
<div class="charts">
{charts}
</div>
</body></html>
"""


def _latency_chart(trial: Trial, tuning: Tuning) -> str:
    lines = [Line(name, _median_points(trial.runs, field), style) for name, field, style in _PERCENTILES]
    knee, goal = trial.rate(tuning.plan) or None, tuning.plan.goal_ms
    highest = max((y for line in lines for _, y in line.points), default=goal)
    return line_chart(
        trial.candidate.name, "arrivals per second", lines, goal=goal, knee=knee, top=min(2 * goal, 1.1 * highest)
    )


def _median_points(runs: Sequence[Run], field: str) -> list[tuple[float, float]]:
    """Return one point per rate: the median of a figure over the runs at that rate."""
    points: list[tuple[float, float]] = []
    for rate in sorted({run.rate for run in runs}):
        values = sorted(float(getattr(run, field)) for run in runs if run.rate == rate)
        points.append((rate, values[len(values) // 2]))
    return points


def _html_table(tuning: Tuning, best: Trial | None) -> str:
    head, *rows = table(tuning)
    lines = ["<table><thead><tr>", *(f"<th>{escape(cell)}</th>" for cell in head), "</tr></thead><tbody>"]
    for trial, cells in zip(tuning.trials, rows, strict=True):
        lines.append('<tr class="best">' if trial is best else "<tr>")
        lines += [*(f"<td>{escape(cell)}</td>" for cell in cells), "</tr>"]
    return "".join([*lines, "</tbody></table>"])


def _cells(trial: Trial, tuning: Tuning) -> list[str]:
    figures = summary(trial, tuning)
    numbers = [
        _number(figures[name], digits)
        for name, digits in (
            ("rate", 1),
            ("failed_rate", 1),
            ("p99_ms", 0),
            ("rate_per_cpu", 1),
            ("cpu_ms", 2),
            ("memory_mib", 0),
        )
    ]
    return [trial.candidate.name, *numbers, confidence(trial, tuning)]


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _line_styles() -> str:
    rules: list[str] = []
    for style in range(_STYLES):
        color, dash = f"var(--c{style % len(_DASHES)})", _DASHES[style % len(_DASHES)]
        rules += [
            f".line.s{style} {{ stroke: {color}; stroke-dasharray: {dash}; }}",
            f".dot.s{style} {{ fill: {color}; }}",
        ]
    return "\n".join(rules)
