"""Draw bar charts as SVG, readable on light and dark backgrounds."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

_BAR, _GAP, _HEIGHT = 48, 24, 160


def bars(title: str, values: Mapping[str, float]) -> str:
    """Draw one bar per value, with the value above and its name below."""
    width = max(_GAP + len(values) * (_BAR + _GAP), 260)
    top = max(values.values(), default=0) or 1
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT + 70}" font-family="sans-serif" '
        f'font-size="12" text-anchor="middle" fill="#777">',
        f'<text x="{width / 2}" y="16" font-size="14">{escape(title)}</text>',
    ]
    for number, (name, value) in enumerate(values.items()):
        left, high = _GAP + number * (_BAR + _GAP), _HEIGHT * value / top
        middle, floor = left + _BAR / 2, _HEIGHT + 44
        parts += [
            f'<rect x="{left}" y="{floor - high:.1f}" width="{_BAR}" height="{high:.1f}" fill="#0891b2"/>',
            f'<text x="{middle}" y="{floor - high - 5:.1f}">{value:.1f}</text>',
            f'<text x="{middle}" y="{floor + 18}">{escape(name)}</text>',
        ]
    return "\n".join([*parts, "</svg>\n"])
