"""Horizontal bars as SVG: the median, with whiskers from least to most."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from html import escape

from benchmarks.measure import Figures

WIDTH, ROW, LEFT, RIGHT, TOP = 760, 34, 250, 90, 46
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.t{font-size:15px;font-weight:600}"
    ".b{fill:#3b82c4}.w{stroke:#1f2328;stroke-width:1.2}.bg{fill:#fff}.n{text-anchor:end}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.w{stroke:#e6edf3}.bg{fill:#0d1117}}"
)


def bars(title: str, figures: Sequence[Figures]) -> str:
    """The picture of wall-clock seconds, one bar per case."""
    most = max(max(item.seconds) for item in figures)
    scale = (WIDTH - LEFT - RIGHT) / most
    height = TOP + ROW * len(figures) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="bg" width="{WIDTH}" height="{height}"/>',
        f'<text class="t" x="16" y="26">{escape(title)}</text>',
    ]
    for index, item in enumerate(figures):
        parts += _bar(item, TOP + ROW * index, scale)
    return "\n".join([*parts, "</svg>", ""])


def _bar(item: Figures, top: int, scale: float) -> list[str]:
    middle = top + ROW / 2 - 4
    median = statistics.median(item.seconds)
    low, high = (LEFT + value * scale for value in (min(item.seconds), max(item.seconds)))
    return [
        f'<text class="n" x="{LEFT - 10}" y="{middle + 4:.0f}">{escape(item.name)}</text>',
        f'<rect class="b" x="{LEFT}" y="{top}" width="{median * scale:.1f}" height="{ROW - 10}"'
        ' rx="2"/>',
        f'<line class="w" x1="{low:.1f}" x2="{high:.1f}" y1="{middle:.0f}" y2="{middle:.0f}"/>',
        f'<text x="{high + 8:.1f}" y="{middle + 4:.0f}">{median:.2f} s</text>',
    ]
