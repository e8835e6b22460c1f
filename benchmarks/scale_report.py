"""The evidence of `benchmarks.scale`: every figure, a table, and how cost grows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import curves, machine, scale
from benchmarks.scale import Row

TITLE = "Planning fleets of growing size"
SEED = 1


def write(directory: Path, place: Path) -> None:
    """Measure every size and write scale.json, scale.svg and scale.md."""
    where = machine.describe()
    rows = [row for size in scale.SIZES for row in scale.apart(size, place)]
    directory.mkdir(parents=True, exist_ok=True)
    data = {"title": TITLE, "machine": where, "rows": [asdict(row) for row in rows]}
    (directory / "scale.json").write_text(json.dumps(data, indent=1) + "\n")
    (directory / "scale.svg").write_text(picture(rows))
    (directory / "scale.md").write_text(page(rows, where))


def picture(rows: Sequence[Row]) -> str:
    """Cost by replicas for every planner that placed all."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if not row.left:
            lines.setdefault(row.planner, []).append((row.replicas, row.cost))
    bounds = [(r.replicas, r.bound) for r in rows if r.bound and r.planner == _last(rows)]
    if bounds:
        lines["lower bound"] = [(float(x), float(y)) for x, y in bounds]
    return curves.curves(TITLE, "replicas", "cost, points (fewer are better)", lines)


def _last(rows: Sequence[Row]) -> str:
    """Quorate with the most time."""
    return [row.planner for row in rows if row.bound is not None][-1]


def page(rows: Sequence[Row], where: dict[str, object]) -> str:
    """The page: one table for each size."""
    gibibytes = int(str(where["memory"])) / 2**30
    text = [
        f"# {TITLE}",
        "",
        "Generated fleets (`benchmarks/estate.py`): servers of five sizes and speeds in zones,",
        "stacks with services of 1 to 20 replicas, classes, spiky CI, data with and without pins,",
        "needs, near, apart, host ports, maxima per server and global services; about 62 % of",
        "memory and CPU in use. All planners on the same fleet in the same run, priced by",
        "the planner's own evaluation; violations are counted by `plan.verify`, which shares no",
        "code with them. First-fit, best-fit and Swarm's spread (fewest tasks of the service,",
        "then fewest tasks) keep every hard rule too. Memory is the peak of one process that ran",
        "all planners of a size. `first`: when Quorate had its first feasible placement.",
        "",
        f"{where['measured']}: {where['threads']} threads, {gibibytes:.0f} GiB, {where['system']},",
        f"kernel {where['kernel']}, Python {where['python']}, load {where['load']} at the start.",
        "Repeat with `make evidence`.",
        "",
    ]
    for size in dict.fromkeys(row.replicas for row in rows):
        text += _table([row for row in rows if row.replicas == size])
    text += [f"![{TITLE}](scale.svg)", "", "Every figure: [scale.json](scale.json).", ""]
    return "\n".join(text)


def _table(rows: Sequence[Row]) -> list[str]:
    first = rows[0]
    lines = [
        f"## {first.replicas:,} replicas, {first.services:,} services, {first.servers:,} servers",
        "",
        "| Planner | Cost | Lower bound | Gap | Seconds | First | Broken rules | Unplaced |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in sorted(rows, key=lambda row: (row.left > 0, row.cost)):
        bound = "" if row.bound is None else f"{row.bound:,.0f}"
        gap = "" if row.gap is None else f"{row.gap:.1%}"
        start = "" if row.first is None else f"{row.first:.1f}"
        lines.append(
            f"| {row.planner} | {row.cost:,} | {bound} | {gap} | {row.seconds:.1f} | {start} "
            f"| {row.violations} | {row.left} |"
        )
    peak = max(row.peak_memory for row in rows) / 2**20
    return [*lines, "", f"Peak memory: {peak:,.0f} MiB.", ""]
