"""Report: the scores of several systems on several sets, as a Markdown table and as a picture."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

Table = dict[str, dict[str, float]]
"""F1 in percent, by set and system; a system may be missing where it did not run."""

_COLORS = ("#00a8b5", "#b8860b", "#888888")


def systems_of(table: Table) -> list[str]:
    """Every system, in the order in which they appear."""
    return list(dict.fromkeys(system for row in table.values() for system in row))


def markdown(table: Table) -> str:
    """One row a set, the best figure in bold."""
    systems = systems_of(table)
    lines = [f"| set | {' | '.join(systems)} |", f"| --- |{' ---: |' * len(systems)}"]
    for name, row in table.items():
        best = max(row.values())
        figures = [_figure(row.get(system), best) for system in systems]
        lines.append(f"| {name} | {' | '.join(figures)} |")
    return "\n".join(lines) + "\n"


def draw(table: Table, path: Path) -> None:
    """Bars, one group a set."""
    systems, names = systems_of(table), list(table)
    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(systems)
    for index, system in enumerate(systems):
        places = [at + (index - (len(systems) - 1) / 2) * width for at in range(len(names))]
        heights = [table[name].get(system, 0.0) for name in names]
        bars = axes.bar(places, heights, width, label=system, color=_COLORS[index % len(_COLORS)])
        axes.bar_label(bars, fmt="%.0f", fontsize=7)
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right", fontsize=8)
    axes.set(ylabel="entity F1 of PER, LOC, ORG, %", ylim=(0, 100))
    axes.legend(loc="upper right", ncols=len(systems), fontsize=8)
    figure.savefig(path, dpi=110)


def _figure(value: float | None, best: float) -> str:
    if value is None:
        return "–"
    return f"**{value:.2f}**" if value == best else f"{value:.2f}"
