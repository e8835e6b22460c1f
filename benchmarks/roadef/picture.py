"""How costs fell: a panel for each instance, as SVG.

Each shows percent of the original cost above the best known value (above the lower bound
where nothing is published) over time, on a logarithmic scale, and the target as a broken line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from benchmarks.picture import STYLE
from benchmarks.roadef.series import Solved

COLUMNS, WIDTH, HEIGHT, LEFT, TOP = 3, 250, 170, 46, 46
INNER = (38, 24, 12, 22)
"""Room left, above, right and below inside a panel: for the scale and the words."""

LOW, HIGH = -4, 2
"""The scale in powers of ten of a percent; what is below is drawn at its foot."""

MORE = ".l{fill:none;stroke:#3b82c4;stroke-width:1.8}.g{stroke:#8b949e;stroke-width:.4}" + (
    ".d{stroke:#c2410c;stroke-width:1;stroke-dasharray:4 3}.s{font-size:10px}"
)


def panels(title: str, solved: Sequence[Solved], seconds: float) -> str:
    """The picture of all instances; `seconds` is the width of the time scale."""
    rows = max(1, -(-len(solved) // COLUMNS))
    width, height = LEFT + COLUMNS * WIDTH, TOP + rows * HEIGHT + 8
    latest = max([seconds, *(item.trajectory[-1][0] for item in solved)])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}{MORE}</style>",
        f'<rect class="bg" width="{width}" height="{height}"/>',
        f'<text class="t" x="16" y="26">{escape(title)}</text>',
    ]
    for index, item in enumerate(solved):
        corner = (16 + WIDTH * (index % COLUMNS), TOP + HEIGHT * (index // COLUMNS))
        parts += _panel(item, corner, latest)
    return "\n".join([*parts, "</svg>", ""])


def _panel(item: Solved, corner: tuple[int, int], latest: float) -> list[str]:
    left, top = corner[0] + INNER[0], corner[1] + INNER[1]
    right, foot = corner[0] + WIDTH - INNER[2], corner[1] + HEIGHT - INNER[3]
    found = item.standing
    reference = item.bound if found.best is None else found.best
    above = "the lower bound" if found.best is None else "the best known"

    def x(seconds: float) -> float:
        return left + (right - left) * seconds / latest

    def y(percent: float) -> float:
        power = math.log10(percent) if percent > 0 else LOW
        return foot - (foot - top) * (min(HIGH, max(LOW, power)) - LOW) / (HIGH - LOW)

    def gap(cost: int) -> float:
        return 100 * (cost - reference) / max(1, item.original.total)

    parts = [
        f'<text x="{left}" y="{top - 8}">{escape(item.name)}: {gap(item.cost.total):.4f} %'
        f'<tspan class="s"> above {above}</tspan></text>'
    ]
    for power in range(LOW, HIGH + 1, 2):
        height = y(10.0**power)
        parts += [
            f'<line class="g" x1="{left}" x2="{right}" y1="{height:.1f}" y2="{height:.1f}"/>',
            f'<text class="n s" x="{left - 4}" y="{height + 3:.1f}">{10.0**power:g} %</text>',
        ]
    if found.target is not None:
        height = y(found.target)
        parts.append(
            f'<line class="d" x1="{left}" x2="{right}" y1="{height:.1f}" y2="{height:.1f}"/>'
        )
    line, last = [], None
    for seconds, cost in item.trajectory:
        # A cost holds until the next one: steps, not slopes.
        if last is not None:
            line.append(f"{x(seconds):.1f},{last:.1f}")
        last = y(gap(cost))
        line.append(f"{x(seconds):.1f},{last:.1f}")
    end = x(min(latest, item.seconds))
    line.append(f"{max(end, x(item.trajectory[-1][0])):.1f},{last:.1f}")
    return [
        *parts,
        f'<polyline class="l" points="{" ".join(line)}"/>',
        f'<text class="s" x="{left}" y="{foot + 14}">0</text>',
        f'<text class="n s" x="{right}" y="{foot + 14}">{latest:.0f} s</text>',
    ]
