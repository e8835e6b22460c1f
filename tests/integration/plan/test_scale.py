"""The benchmark of growing fleets, on one small fleet: what CI runs of it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from benchmarks import machine, scale, scale_report


def test_a_small_fleet_is_planned_better_than_by_simple_schedulers(tmp_path: Path) -> None:
    rows = scale.rows(300, tmp_path, limits=(2.0, 5.0))
    ours = [row for row in rows if row.bound is not None]
    simple = [row for row in rows if row.bound is None]
    assert len(ours) == 2 and simple
    assert all(row.violations == 0 and row.left == 0 for row in ours)
    assert all(row.bound is not None and row.bound <= row.cost for row in ours)
    # Even though the simple ones leave some tasks out, which cost them nothing.
    assert ours[-1].cost <= min(row.cost for row in simple)

    page = scale_report.page(rows, machine.describe())
    assert "## 300 replicas" in page
    assert all(row.planner in page for row in rows)
    picture = ElementTree.fromstring(scale_report.picture(rows))
    assert picture.tag.endswith("svg")
