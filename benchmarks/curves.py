"""Lines over doubly logarithmic axes as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 80, 200, 46, 50
COLOURS = ("#3b82c4", "#1d4e79", "#c2703d", "#8f4f24", "#4f9d69", "#2f6b44", "#8a63b0")
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328}.t{font-size:15px;font-weight:600}"
    ".g{stroke:#8884;stroke-width:1}.bg{fill:#fff}.n{text-anchor:end}.m{text-anchor:middle}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bg{fill:#0d1117}}"
)

Points = Sequence[tuple[float, float]]


def curves(title: str, x_axis: str, y_axis: str, lines: Mapping[str, Points]) -> str:
    """One line for each name; all values above 0."""
    every = [point for points in lines.values() for point in points]
    x_least, x_most = _decades([x for x, _ in every])
    y_least, y_most = _decades([y for _, y in every])

    def place(x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - x_least) / max(1, x_most - x_least)
        up = (log10(y) - y_least) / max(1, y_most - y_least)
        bottom = HEIGHT - BOTTOM
        return LEFT + across * (WIDTH - LEFT - RIGHT), bottom - up * (bottom - TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="bg" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="t" x="16" y="26">{escape(title)}</text>',
    ]
    for power in range(x_least, x_most + 1):
        x, y = place(10.0**power, 10.0**y_least)
        parts.append(f'<line class="g" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{y:.1f}"/>')
        parts.append(f'<text class="m" x="{x:.1f}" y="{y + 16:.1f}">{10**power:,}</text>')
    for power in range(y_least, y_most + 1):
        x, y = place(10.0**x_least, 10.0**power)
        parts.append(
            f'<line class="g" x1="{x:.1f}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(f'<text class="n" x="{x - 6:.1f}" y="{y + 4:.1f}">{_number(power)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="m" x="{middle}" y="{HEIGHT - 12}">{escape(x_axis)}</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 4}">{escape(y_axis)}</text>')
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = TOP + 14 + 20 * number
        start = WIDTH - RIGHT + 12
        parts.append(f'<rect x="{start}" y="{y - 9}" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{start + 20}" y="{y - 3}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _decades(values: Sequence[float]) -> tuple[int, int]:
    return floor(log10(min(values))), ceil(log10(max(values)))


def _number(power: int) -> str:
    units = {3: "thousand", 6: "million", 9: "billion"}
    step = power // 3 * 3
    return f"{10 ** (power - step)} {units[step]}" if step in units else f"{10**power:,}"
