"""Tables and a picture of the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.serving.parts import DESIGN, VARIANT

_INSTANCES = (1, 2, 4, 8)
_MEASURED = 2
_BEGIN, _END = "<!-- bench-serving -->", "<!-- /bench-serving -->"


def tables(results: Mapping[str, Any]) -> str:
    """Return the results as Markdown."""
    machine, parts = results["machine"], results["parts"]
    facts = ", ".join(f"{name} {value}" for name, value in machine.items())
    sections = [f"Measured with {facts}."]
    for name, render in _RENDERERS.items():
        if name in parts:
            sections.append(f"### {_TITLES[name]}\n\n{render(parts[name]['result'])}\n\n({parts[name]['date']})")
    if {"compare", "memory"} <= parts.keys():
        sections.append(_instances(parts["compare"]["result"], parts["memory"]["result"]))
    return "\n\n".join(sections)


def write_to_page(page: Path, results: Mapping[str, Any]) -> None:
    """Replace the text between the markers of a page.

    Raises:
        ValueError: the page does not have the markers.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{page} has no markers {_BEGIN} and {_END}")
    page.write_text(f"{before}{_BEGIN}\n\n{tables(results)}\n\n{_END}{after}", encoding="utf-8")


def draw(results: Mapping[str, Any], picture: Path) -> None:
    """Draw throughput of the contenders, and the ladder; without results of either, draw nothing."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    parts = results["parts"]
    charts = [(name, values) for name, values in (_bars_of(parts)) if values]
    if not charts:
        return
    figure, axes = plt.subplots(1, len(charts), figsize=(7 * len(charts), 4.5), squeeze=False)
    for axis, (title, values) in zip(axes[0], charts, strict=True):
        names = list(values)[::-1]
        bars = axis.barh(names, [values[name] for name in names], color="#0891b2")
        axis.bar_label(bars, fmt="%.1f", padding=3)
        axis.set_title(title)
        axis.set_xscale("log")
        axis.margins(x=0.15)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{results['machine']['processor']}, {results['machine']['CPUs']} CPUs")
    figure.tight_layout()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def _bars_of(parts: Mapping[str, Any]) -> list[tuple[str, dict[str, float]]]:
    charts: list[tuple[str, dict[str, float]]] = []
    if "compare" in parts:
        rows = parts["compare"]["result"]
        charts.append(("Base geometry: requests per second", {row["contender"]: row["per_s"] for row in rows}))
    for name, rungs in parts.get("ladder", {}).get("result", {}).items():
        charts.append((f"{name}: sentences per second, one core", {rung["name"]: rung["per_s"] for rung in rungs}))
    return charts


def _compare(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ("contender", "clients", "requests/s", "× design", "P50 ms", "P99 ms", "CPU ms", "CPUs", "PSS MiB")
    return _table(
        head,
        [
            (
                row["contender"],
                row["clients"],
                row["per_s"],
                # Results of earlier versions have no `times_design`.
                row.get("times_design"),
                row["p50_ms"],
                row["p99_ms"],
                row["cpu_ms"],
                row["cpus"],
                row["mib"],
            )
            for row in rows
        ],
    )


def _sustained(result: Mapping[str, Any]) -> str:
    rows = [(name, row["requests"], row["p50_ms"], row["p99_ms"]) for name, row in result["rows"].items()]
    note = f"{result['rate']} random arrivals per second, 80 % of what the replaced design sustains in a closed loop."
    return f"{note}\n\n{_table(('contender', 'requests', 'P50 ms', 'P99 ms'), rows)}"


def _ladder(result: Mapping[str, Any]) -> str:
    head = ("one worker, one thread", "sentences/s", "of the engine at its best", "CPU ms")
    sections = [
        f"**{name}**\n\n"
        + _table(head, [(rung["name"], rung["per_s"], f"{rung['of_engine']:.0%}", rung["cpu_ms"]) for rung in rungs])
        for name, rungs in result.items()
    ]
    return "\n\n".join(sections)


def _overload(result: Mapping[str, Any]) -> str:
    columns = (
        "max_concurrency",
        "capacity_per_s",
        "offered_per_s",
        "goodput_per_s",
        "goodput_of_capacity",
        "refusal_p50_ms",
        "refusal_p99_ms",
        "generator_cpus",
        "failures",
    )
    # Results of earlier versions do not have every column.
    rows = [(name, *(row.get(column) for column in columns)) for name, row in result.items()]
    goals = {row["goal_s"] for row in result.values() if "goal_s" in row}
    note = "".join(f"Goodput counts responses within {goal:g} seconds.\n\n" for goal in goals)
    head = ("model", *(column.replace("_", " ").replace(" per s", "/s") for column in columns))
    return note + _table(head, rows)


def _length(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ("characters", "requests", "ms per 1,000 characters", "CPU ms per 1,000 characters", "CPU of the mean")
    keys = ("chars", "requests", "ms_per_1000", "cpu_ms_per_1000", "relative")
    # Results of earlier versions have no `relative`.
    return _table(head, [[row.get(key) for key in keys] for row in rows])


def _memory(result: Mapping[str, float]) -> str:
    return _table(("workers", "PSS MiB"), list(result.items()))


def _cache(result: Mapping[str, float]) -> str:
    return _table(("cached responses/s", "per second of CPU time"), [(result["per_s"], result["per_cpu_s"])])


def _instances(rows: Sequence[Mapping[str, Any]], memory: Mapping[str, float]) -> str:
    """Return throughput and memory by number of instances; more than two instances are extrapolated."""
    services = [row for row in rows if row["contender"].startswith("INT8") and "cached" not in row["contender"]]
    one = max((row for row in services if "1 worker" in row["contender"]), key=lambda row: row["per_s"])
    two = max((row for row in services if "2 workers" in row["contender"]), key=lambda row: row["per_s"])
    each = two["per_s"] / _MEASURED
    lines: list[tuple[Any, ...]] = []
    for count in _INSTANCES:
        if count <= _MEASURED:
            rate, how = (one if count == 1 else two)["per_s"], "measured"
        else:
            rate, how = count * each, f"{count} × {each:.1f}, half of two, on {count} cores"
        mib = memory.get(str(count))
        step = (memory["4"] - memory["1"]) / 3
        memory_how = "measured" if mib else f"{memory['4']:.0f} + {count - 4} × {step:.0f}"
        lines.append((count, rate, how, mib or memory["4"] + (count - 4) * step, memory_how))
    head = ("instances", "requests/s", "how", "memory MiB", "how")
    return (
        "### By number of instances\n\n"
        f"Instances are workers with one thread and one core each: {one['contender']}; {two['contender']}.\n\n"
        + _table(head, lines)
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


_RENDERERS = {
    "compare": _compare,
    "sustained": _sustained,
    "ladder": _ladder,
    "overload": _overload,
    "length": _length,
    "memory": _memory,
    "cache": _cache,
}
_TITLES = {
    "compare": f"Base geometry: the {DESIGN}, {VARIANT}, and this service",
    "sustained": f"Latency at a rate that the {DESIGN} sustains",
    "ladder": "What each layer costs",
    "overload": "Three times the capacity",
    "length": "Cost by the length of the text, embedded model",
    "memory": "Memory of workers with the base INT8 model",
    "cache": "Cached responses, embedded model, one worker",
}
