"""Write the scores and the speed of several systems as a Markdown page and as charts."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

Table = dict[str, dict[str, float]]
"""F1 in percent, by data set and system; a system is missing if it did not run."""

Speed = dict[str, float]
"""Sentences per second on one core, by system."""

_PAGE = """# Accuracy

Entity F1 in percent of the embedded model and of other packages that install and run offline. An entity is correct if
its type and both ends are correct. Only PER, LOC and ORG are scored, and of these only the types that a set annotates.
The best score of a row is bold.

@@TABLE@@
- **The comparison favors the embedded model.** It was trained on the training parts of all these corpora except
  `aishell_ner`, and so follows their annotation guidelines; the other packages follow their own. `aishell_ner/dev`
  shows best how the model does on text of another kind.
- Training choices were made on the dev sets. `msra/test` is reported; it was used for one choice, which the [model
  card](../ner_runtime/embedded/raner-mini/README.md) describes.
- Speed: the first 500 sentences of `msra/dev` on one core and one thread, without loading; the median of three turns,
  in which the systems alternate. The embedded model reads them in lists of 64. Compare the ratios: the numbers depend
  on the processor. With `--keep-speed`, the numbers of the previous run are kept.

The corpora are not part of this repository; [training/README.md](../training/README.md) describes their format. `make
bench-accuracy DATA=path/to/corpora` measures everything again and writes this page, `accuracy.json` and the charts.

![Entity F1 by set](accuracy.png)

![Mean entity F1 over speed on one core](accuracy-speed.png)
"""
_COLORS = ("#00a8b5", "#b8860b", "#888888", "#8a5fd6")


def systems_of(table: Table) -> list[str]:
    """Return all systems, in order of appearance."""
    return list(dict.fromkeys(system for row in table.values() for system in row))


def markdown(table: Table, speed: Speed | None = None) -> str:
    """Return a Markdown table with one row per data set, the best score in bold, and the speed in the last row."""
    systems = systems_of(table)
    lines = [f"| set | {' | '.join(systems)} |", f"| --- |{' ---: |' * len(systems)}"]
    for name, row in table.items():
        best = max(row.values())
        figures = [_figure(row.get(system), best) for system in systems]
        lines.append(f"| {name} | {' | '.join(figures)} |")
    if speed:
        figures = [f"{speed[system]:,.0f}" if system in speed else "–" for system in systems]
        lines.append(f"| sentences a second, one core | {' | '.join(figures)} |")
    return "\n".join(lines) + "\n"


def page(table: Table, speed: Speed | None = None) -> str:
    """Return the page `docs/accuracy.md`: the table, what it measures, and the charts."""
    return _PAGE.replace("@@TABLE@@", markdown(table, speed))


def draw(table: Table, path: Path) -> None:
    """Draw a bar chart with one group per data set."""
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


def draw_speed(table: Table, speed: Speed, path: Path) -> None:
    """Plot the mean F1 over all data sets against the speed, one point per system."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for index, system in enumerate(system for system in systems_of(table) if system in speed):
        scores = [row[system] for row in table.values() if system in row]
        point = (speed[system], sum(scores) / len(scores))
        axes.scatter(*point, color=_COLORS[index % len(_COLORS)], s=60)
        axes.annotate(system, point, xytext=(6, 6), textcoords="offset points", fontsize=8)
    axes.set(xscale="log", ylim=(0, 100), xlabel="sentences a second, one core", ylabel="mean entity F1, %")
    axes.margins(x=0.5)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def _figure(value: float | None, best: float) -> str:
    if value is None:
        return "–"
    return f"**{value:.2f}**" if value == best else f"{value:.2f}"
