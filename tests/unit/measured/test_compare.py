"""What is striking about a service, and about a measurement."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from quorate.fleet.model import Engine
from quorate.measured.compare import Flag, left_alone, remarks, rows
from quorate.measured.model import Figures, Seen, Signal, Source
from tests.unit.measured.making import END, GIB, MIB, NOW, found, seen, signal
from tests.unit.plan.builders import fleet, server, service

GOOD = seen(signal(0.92 * GIB), signal(0.092))
UNEVEN = Signal(
    busiest=Figures(p50=0.92 * GIB, p95=0.92 * GIB, peak=0.92 * GIB),
    mean=Figures(p50=0.1 * GIB, p95=0.1 * GIB, peak=0.1 * GIB),
    total=Figures(p50=GIB, p95=GIB, peak=GIB),
    samples=100,
)


@pytest.mark.parametrize(
    ("fields", "measured", "flags"),
    [
        ({}, GOOD, set()),
        ({}, None, {Flag.UNSEEN}),
        ({}, seen(signal(0.92 * GIB, samples=58), signal(0.092)), {Flag.FEW}),
        ({}, GOOD.model_copy(update={"cpu": None, "work": None}), {Flag.NO_CPU}),
        ({}, GOOD.model_copy(update={"first": END - timedelta(hours=23)}), {Flag.SHORT}),
        ({}, GOOD.model_copy(update={"image": "example/image:0"}), {Flag.IMAGE}),
        ({"memory": 0.25}, GOOD, {Flag.TOO_LITTLE, Flag.BASELINE, Flag.PEAK}),
        ({"memory": 4}, GOOD, {Flag.TOO_MUCH, Flag.BASELINE}),
        ({"memory": 4, "engine": Engine.COMPOSE}, GOOD, {Flag.BASELINE}),
        ({"reservation_memory": 0, "reservation_cpus": 0.0}, GOOD, {Flag.NOTHING_RESERVED}),
        ({"limit_memory": GIB - 80 * MIB}, GOOD, {Flag.AT_LIMIT}),
        ({}, seen(signal(0.92 * GIB, GIB, 2 * GIB), signal(0.092)), {Flag.PEAK}),
        ({}, seen(UNEVEN, signal(0.092)), {Flag.BASELINE, Flag.UNEVEN}),
    ],
)
def test_flags(fields: dict[str, Any], measured: Seen | None, flags: set[Flag]) -> None:
    office = fleet([server("a")], [service("web", **fields), service("other")])
    services = {"other": GOOD} | ({"web": measured} if measured else {})
    assert set(rows(office, found(office, services))[0].flags) == flags


def test_a_row_says_both_and_the_difference() -> None:
    office = fleet([server("a")], [service("web", load={"memory_peak": 2 * GIB})])
    measured = seen(signal(GIB, 2 * GIB, 3 * GIB), signal(0.1, 0.2, 0.3), work=signal(0.2))
    row = rows(office, found(office, {"web": measured}))[0]
    assert row.memory.model_dump() == {
        "baseline": GIB,
        "peak": 2 * GIB,
        "reserved": GIB,
        "limit": 0,
        "p50": GIB,
        "p95": 2 * GIB,
        "seen_peak": 3 * GIB,
        "suggested": 2368 * MIB,
        "difference": 1344 * MIB,
    }
    assert (row.cpu.p50, row.cpu.p95, row.cpu.suggested) == (0.2, 0.2, 0.23)
    assert row.samples == 2000


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"source": Source(kind="engine", lab=True)}, "stand-ins"),
        ({"start": END - timedelta(minutes=5)}, "5 min is short"),
        ({"interrupted": True}, "interrupted after 7 d"),
        ({"strangers": ("x_y",)}, "not the fleet's: x_y"),
        ({"lost": {"b": "is off"}}, "b could not be asked: is off"),
        ({"notes": ("look",)}, "look"),
    ],
)
def test_remarks(fields: dict[str, Any], said: str) -> None:
    office = fleet([server("a")], [service("web")])
    assert [text for text in remarks(office, found(office, {"web": GOOD}), NOW)] == []
    assert any(
        said in text for text in remarks(office, found(office, {"web": GOOD}, **fields), NOW)
    )


def test_an_old_one_and_services_of_one_side_only() -> None:
    office = fleet([server("a")], [service("web"), service("new")])
    measured = found(office, {"web": GOOD, "gone": GOOD})
    said = "\n".join(remarks(office, measured, END + timedelta(days=31)))
    assert "31 d old" in said
    assert "not in the fleet's files any more: gone" in said
    assert "not seen, so as declared: new" in said


def test_why_a_service_keeps_its_figures() -> None:
    office = fleet([server("a")], [service(n) for n in ("web", "new", "few", "big")])
    few = seen(signal(GIB, samples=3), signal(1, samples=3))
    measured = found(office, {"web": GOOD, "few": few, "big": seen(signal(9 * GIB))})
    assert left_alone(office, measured) == {
        "web": "as declared",
        "new": "not seen",
        "few": "too few samples",
    }
