"""Draw line charts as SVG. Colours are CSS variables of the report, which has a light and a dark theme."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 520, 260, 58, 40, 28
_RIGHT = 12
_MARKS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart; `style` is the number of its colour and dash pattern."""

    name: str
    points: Sequence[tuple[float, float]]
    style: int


def line_chart(
    title: str,
    x_name: str,
    lines: Sequence[Line],
    *,
    goal: float | None = None,
    knee: float | None = None,
    top: float | None = None,
) -> str:
    """Draw lines.

    Args:
        goal: the value of a horizontal line
        knee: the x value of a vertical line
        top: values above it are drawn at the upper edge; by default, all values fit
    """
    points = [point for line in lines for point in line.points]
    right = max((x for x, _ in points), default=1.0) * 1.05
    high = top or max([y for _, y in points] + ([goal] if goal else []), default=1.0) * 1.05 or 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + x / right * (_WIDTH - _LEFT - _RIGHT)
        return across, _HEIGHT - _BOTTOM - min(y / high, 1.0) * (_HEIGHT - _BOTTOM - _TOP)

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">']
    parts.append(f'<text class="title" x="{_LEFT}" y="16">{escape(title)}</text>')
    parts += _axes(at, right, high, x_name)
    if goal is not None and goal <= high:
        (left, y), (end, _) = at(0, goal), at(right, goal)
        parts.append(f'<line class="goal" x1="{left:.1f}" x2="{end:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="goal" x="{end:.1f}" y="{y - 4:.1f}" text-anchor="end">goal</text>')
    if knee is not None:
        x = at(knee, 0)[0]
        parts.append(f'<line class="knee" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text class="knee" x="{x - 4:.1f}" y="{_TOP + 10}" text-anchor="end">knee {knee:g}/s</text>')
    for line in lines:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in sorted(line.points)))
        parts.append(
            f'<polyline class="line s{line.style}" points="{path}"><title>{escape(line.name)}</title></polyline>'
        )
        for point in line.points:
            x, y = at(*point)
            label = f"{line.name}: {point[1]:.1f} at {point[0]:g}/s"
            parts.append(f'<circle class="dot s{line.style}" cx="{x:.1f}" cy="{y:.1f}" r="3">')
            parts.append(f"<title>{escape(label)}</title></circle>")
    return "\n".join([*parts, "</svg>"])


def legend(lines: Sequence[Line]) -> str:
    """Return a legend in HTML."""
    items = (
        f'<li><svg viewBox="0 0 28 8" class="swatch"><line class="line s{line.style}" x2="28" y1="4" y2="4"/></svg>'
        f"{escape(line.name)}</li>"
        for line in lines
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


def ticks(high: float) -> list[float]:
    """Return round values from 0 to at most `high`, five or so."""
    step = 10 ** floor(log10(high / _MARKS))
    step *= next(factor for factor in (1, 2, 5, 10) if high / (step * factor) <= _MARKS)
    return [number * step for number in range(int(high / step) + 1)]


def _axes(at: Callable[[float, float], tuple[float, float]], right: float, high: float, x_name: str) -> list[str]:
    parts: list[str] = []
    for value in ticks(high):
        x, y = at(0, value)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for value in ticks(right):
        x, y = at(value, 0)
        parts.append(f'<text x="{x:.1f}" y="{y + 15:.1f}" text-anchor="middle">{value:g}</text>')
    parts.append(f'<text x="{(_WIDTH + _LEFT) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(x_name)}</text>')
    return parts
