"""Measurements for tests, in round figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from quorate.fleet.model import Fleet
from quorate.measured.model import Figures, Measurement, Seen, Signal, Source

MIB = 2**20
GIB = 2**30
END = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = END + timedelta(hours=1)
WEEK = timedelta(days=7)


def signal(
    p50: float, p95: float | None = None, peak: float | None = None, *, samples: int = 2000
) -> Signal:
    """A signal of a single task; p95 and peak are p50 unless given."""
    high = p50 if p95 is None else p95
    figures = Figures(p50=p50, p95=high, peak=high if peak is None else peak)
    return Signal(busiest=figures, mean=figures, total=figures, samples=samples)


def seen(memory: Signal | None = None, cpu: Signal | None = None, **fields: Any) -> Seen:
    """A service seen for a week; memory in bytes."""
    settings: dict[str, Any] = {
        "tasks": 1,
        "first": END - WEEK,
        "last": END,
        "memory": memory or signal(GIB),
        "cpu": cpu or signal(0.1),
        "work": fields.pop("work", cpu or signal(0.1)),
    }
    return Seen(**{**settings, **fields})


def found(fleet: Fleet, services: dict[str, Seen], **fields: Any) -> Measurement:
    """A measurement of a week."""
    settings: dict[str, Any] = {
        "fleet": fleet.name,
        "source": Source(kind="prometheus"),
        "start": END - WEEK,
        "end": END,
        "interval": 300.0,
        "services": services,
    }
    return Measurement(**{**settings, **fields})
