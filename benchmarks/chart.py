"""Draws the results as bars, on a logarithmic scale because they differ widely."""

import math
from collections.abc import Iterator
from html import escape
from typing import Final

from measures import Speeds
from questions import QUESTIONS
from report import Results

_COLOURS: Final = ("#0b7a75", "#6fb7b3", "#b4552d", "#e0a278", "#8a8fa3")
_WIDTH: Final = 860
_LEFT: Final = 215
_RIGHT: Final = 70
_BAR: Final = 13
_GAP: Final = 20
_TOP: Final = 74
_DECADES: Final = 4
"""The scale begins at a ten-thousandth of the ceiling."""


def draw_chart(results: Results) -> str:
    """Draw the speeds, relative to raw uvicorn; an empty chart if there are none."""
    rows = list(_draw_rows(results.speeds)) if results.speeds else []
    height = int(rows[-1][0]) if rows else _TOP
    shapes = "\n".join(shape for _, shape in rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height + 30}" '
        f'font-family="system-ui, sans-serif" font-size="12">\n'
        f"<title>Requests per second, relative to raw uvicorn with the same bytes</title>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<text x="16" y="24" font-size="15" font-weight="600">'
        f"Requests per second, relative to raw uvicorn with the same bytes</text>\n"
        f'<text x="16" y="42" fill="#555">one processor, side by side in one run; '
        f"logarithmic scale</text>\n"
        f"{_draw_axis(height)}\n{shapes}\n</svg>\n"
    )


def _draw_axis(height: int) -> str:
    lines = []
    for decade in range(_DECADES + 1):
        ratio = 10.0 ** (decade - _DECADES)
        x = _place(ratio)
        lines.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{height}" stroke="#ddd"/>'
        )
        lines.append(
            f'<text x="{x:.1f}" y="{_TOP - 12}" text-anchor="middle" fill="#555">'
            f"{ratio:g}</text>"
        )
    return "\n".join(lines)


def _draw_rows(speeds: Speeds) -> Iterator[tuple[float, str]]:
    """Yield each shape with the height of the chart down to it."""
    names = list(dict.fromkeys(name for _, name in speeds.ratios))
    y = float(_TOP)
    for question in QUESTIONS:
        if (question.name, names[0]) not in speeds.ratios:
            continue
        y += _GAP
        title = escape(f"{question.name}: {question.title}")
        yield y, f'<text x="16" y="{y - 5:.1f}" font-weight="600">{title}</text>'
        for place, name in enumerate(names):
            ratio = speeds.ratios[question.name, name].requests
            colour = _COLOURS[place % len(_COLOURS)]
            end = _place(ratio)
            middle = y + _BAR - 3
            shapes = (
                f'<text x="{_LEFT - 8}" y="{middle:.1f}" text-anchor="end">'
                f"{escape(name)}</text>"
                f'<rect x="{_LEFT}" y="{y:.1f}" width="{end - _LEFT:.1f}" '
                f'height="{_BAR}" fill="{colour}"/>'
                f'<text x="{end + 5:.1f}" y="{middle:.1f}" fill="#333">{ratio:.2g}</text>'
            )
            yield y + _BAR + 2, shapes
            y += _BAR + 2


def _place(ratio: float) -> float:
    """Compute the place of a ratio on the scale, in pixels from the left."""
    share = 1 + math.log10(max(ratio, 10.0**-_DECADES)) / _DECADES
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)
