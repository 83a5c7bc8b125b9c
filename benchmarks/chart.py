"""Draws the results: speeds as bars and growth as curves, both on logarithmic scales."""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Final

from in_process import READ, Step
from measures import Figure, Speeds
from queries import QUERIES
from report import Results

_COLOURS: Final = (
    *("#0b7a75", "#3f9d98", "#8fc7c4", "#b4552d", "#e0a278"),
    *("#5b4b8a", "#a397c6", "#3b6ea5", "#94b8d8", "#8a8fa3"),
)
_WIDTH: Final = 860
_LEFT: Final = 245
_RIGHT: Final = 70
_BAR: Final = 13
_GAP: Final = 20
_TOP: Final = 74
_LEAST: Final = 1e-4
_MOST: Final = 10.0

_PANEL: Final = 250
"""Width of a panel of curves; so is its height."""

_PANEL_GAP: Final = 26
_INSET: Final = 40
_BLOCK_BOUND_MS: Final = 50.0

_PANELS: Final[tuple[tuple[str, float, float, Callable[[Step], float]], ...]] = (
    ("longest block of the event loop, ms", 1, 1_000, lambda one: one.block_cpu_ms),
    ("CPU, ms", 1, 100_000, lambda one: one.cpu_ms),
    ("peak memory, MB", 10, 1_000, lambda one: one.peak_mb),
)
"""Title, ends of the scale and value of each panel of growth."""


def draw_chart(results: Results) -> str:
    """Draw what was measured of speeds and growth."""
    shapes: list[str] = []
    height = float(_TOP)
    if results.speeds:
        rows = list(_draw_rows(results.speeds))
        height = rows[-1][0]
        shapes += [_draw_axis(height), *(shape for _, shape in rows)]
    if results.growth:
        shapes += _draw_growth(results.growth, height + 50)
        height += _PANEL + 130
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height + 30:.0f}" '
        f'font-family="system-ui, sans-serif" font-size="12">\n'
        f"<title>Requests per second of CPU time, relative to raw uvicorn with the same "
        f"bytes; growth with the number of models</title>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<text x="16" y="24" font-size="15" font-weight="600">'
        f"Requests per second of CPU time, relative to raw uvicorn with the same bytes</text>\n"
        f'<text x="16" y="42" fill="#555">one processor, side by side in one run; '
        f"logarithmic scale; the line on a bar is the range of the rounds</text>\n"
        f"{body}\n</svg>\n"
    )


def _draw_axis(height: float) -> str:
    lines = []
    for decade in _list_decades(_LEAST, _MOST):
        x = _place(decade)
        lines.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{height:.0f}" '
            f'stroke="{"#888" if decade == 1 else "#ddd"}"/>'
        )
        lines.append(
            f'<text x="{x:.1f}" y="{_TOP - 12}" text-anchor="middle" fill="#555">'
            f"{decade:g}</text>"
        )
    return "\n".join(lines)


def _draw_rows(speeds: Speeds) -> Iterator[tuple[float, str]]:
    """Yield each shape with the height of the chart down to it."""
    names = list(dict.fromkeys(name for _, name in speeds.ratios))
    y = float(_TOP)
    for query in QUERIES:
        if (query.name, names[0]) not in speeds.ratios:
            continue
        y += _GAP
        title = escape(f"{query.name}: {query.title}")
        yield y, f'<text x="16" y="{y - 5:.1f}" font-weight="600">{title}</text>'
        for place, name in enumerate(names):
            ratio = speeds.ratios[query.name, name]
            figure = Figure.of(ratio.works) if ratio.works else ratio.requests
            yield (
                y + _BAR + 2,
                _draw_bar(name, figure, y, _COLOURS[place % len(_COLOURS)]),
            )
            y += _BAR + 2


def _draw_bar(name: str, figure: Figure, y: float, colour: str) -> str:
    end, middle = _place(figure.median), y + _BAR - 3
    low = _place(figure.median - figure.noise)
    high = _place(figure.median + figure.noise)
    return (
        f'<text x="{_LEFT - 8}" y="{middle:.1f}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{_LEFT}" y="{y:.1f}" width="{end - _LEFT:.1f}" '
        f'height="{_BAR}" fill="{colour}"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y + _BAR / 2:.1f}" '
        f'y2="{y + _BAR / 2:.1f}" stroke="#222"/>'
        f'<text x="{max(end, high) + 5:.1f}" y="{middle:.1f}" fill="#333">'
        f"{figure.median:.2g}</text>"
    )


def _draw_growth(growth: dict[int, dict[str, list[Step]]], top: float) -> Iterator[str]:
    """Yield a panel of curves for each figure, then the names of the operations."""
    sizes = list(growth)
    names = [name for name in growth[sizes[0]] if name != READ]
    yield (
        f'<text x="16" y="{top:.0f}" font-size="15" font-weight="600">'
        f"Growth with the number of models</text>"
    )
    for place, (title, least, most, read) in enumerate(_PANELS):
        left = 16 + place * (_PANEL + _PANEL_GAP)
        yield from _draw_panel(title, (least, most), sizes, left=left, top=top + 30)
        for number, name in enumerate(names):
            points = []
            for size in sizes:
                value = statistics.median(map(read, growth[size][name]))
                x = (
                    left
                    + _INSET
                    + _share(size, sizes[0], sizes[-1]) * (_PANEL - _INSET)
                )
                points.append((x, top + 30 + _down(value, least, most)))
            yield _draw_curve(points, _COLOURS[3 * number])
    for number, name in enumerate(names):
        x, y = 16 + _INSET + number * (_PANEL + _PANEL_GAP), top + _PANEL + 60
        yield (
            f'<rect x="{x}" y="{y - 9:.0f}" width="18" height="4" '
            f'fill="{_COLOURS[3 * number]}"/>'
            f'<text x="{x + 24}" y="{y - 3:.0f}">{escape(name)}</text>'
        )


def _draw_panel(
    title: str,
    scale: tuple[float, float],
    sizes: Sequence[int],
    *,
    left: float,
    top: float,
) -> Iterator[str]:
    yield f'<text x="{left:.0f}" y="{top - 14:.0f}" font-weight="600">{escape(title)}</text>'
    right = left + _PANEL
    bounds = [_BLOCK_BOUND_MS] if "block" in title else []
    for value in [*_list_decades(*scale), *bounds]:
        y = top + _down(value, *scale)
        dashes = ' stroke-dasharray="4 3"' if value in bounds else ""
        colour = "#b00" if value in bounds else "#ddd"
        yield (
            f'<line x1="{left + _INSET:.0f}" x2="{right:.0f}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="{colour}"{dashes}/>'
            f'<text x="{left + _INSET - 5:.0f}" y="{y + 4:.1f}" text-anchor="end" '
            f'fill="#555">{value:g}</text>'
        )
    for size in sizes:
        x = left + _INSET + _share(size, sizes[0], sizes[-1]) * (_PANEL - _INSET)
        yield (
            f'<text x="{x:.1f}" y="{top + _PANEL + 4:.0f}" text-anchor="middle" '
            f'fill="#555">{size:,}</text>'
        )


def _draw_curve(points: Sequence[tuple[float, float]], colour: str) -> str:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points
    )
    return (
        f'<polyline points="{line}" fill="none" stroke="{colour}" '
        f'stroke-width="2"/>{dots}'
    )


def _list_decades(least: float, most: float) -> list[float]:
    first, last = round(math.log10(least)), round(math.log10(most))
    return [10.0**power for power in range(first, last + 1)]


def _share(value: float, least: float, most: float) -> float:
    """Compute the place of a value on a logarithmic scale, from 0 to 1."""
    if least == most:
        return 0.0
    bounded = min(max(value, least), most)
    return math.log(bounded / least) / math.log(most / least)


def _down(value: float, least: float, most: float) -> float:
    """Compute the place of a value in a panel, in pixels from its top."""
    return (1 - _share(value, least, most)) * (_PANEL - 16)


def _place(ratio: float) -> float:
    """Compute the place of a ratio on the scale of the bars, in pixels from the left."""
    return _LEFT + _share(ratio, _LEAST, _MOST) * (_WIDTH - _LEFT - _RIGHT)
