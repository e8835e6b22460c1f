"""Packing what a loss leaves homeless, in principle."""

from __future__ import annotations

from quorate.plan.occupancy import Occupancy
from quorate.plan.packing import after
from quorate.plan.pool import pools
from quorate.plan.problem import build
from tests.unit.plan.builders import fleet, server, service

THREE = ("a", "b", "c")


def test_a_loss_is_packed_exactly() -> None:
    # After the loss of a: 3, 3, 2, 2 and 2 GiB into two rooms of 6. Largest first with most
    # room fits 3+3 and 2+2+2 only when packed on purpose.
    machines = [server("a", memory=12), server("b", memory=6), server("c", memory=6)]
    parts = [service(f"s{i}", memory=m, pins=THREE) for i, m in enumerate((3, 3, 2, 2, 2))]
    problem = build(fleet(machines, parts))
    counts = [[1, 0, 0] for _ in parts]
    assert after(problem, counts, pools(Occupancy(problem, counts)), (0,)) == []
    small = build(fleet([machines[0], server("b", memory=5), machines[2]], parts))
    left = after(small, counts, pools(Occupancy(small, counts)), (0,))
    assert sum(refugee.memory for refugee in left) == 2 * 1024
