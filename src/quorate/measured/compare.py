"""What is written beside what was seen, service by service, and what is striking about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from quorate.fleet.model import Engine, Fleet, Model, Service
from quorate.fleet.quantities import show_duration
from quorate.measured.model import Measurement, Seen, Signal
from quorate.measured.suggest import (
    MIB,
    enough,
    near_limit,
    suggest,
    wanted_cpus,
    wanted_memory,
)

DAY = 86400.0
SHORT = DAY
"""A shorter time has not seen the nightly backup, nor the busy hour."""

OLD = 30 * DAY
FAR = 2.0
"""Written figures are far off when they are more than twice, or less than half, of the seen."""

FAR_MEMORY = 64 * MIB
FAR_CPU = 0.1
"""Smaller differences are not worth a word, whatever their ratio."""

UNEVEN = 2.0
"""Times that the busiest task of a service uses of the mean."""


class Flag(StrEnum):
    """What is striking about a service."""

    UNSEEN = "unseen"
    FEW = "few samples"
    SHORT = "short window"
    NO_CPU = "no CPU figures"
    NOTHING_RESERVED = "nothing reserved"
    TOO_LITTLE = "reserves too little"
    TOO_MUCH = "reserves too much"
    BASELINE = "baseline far off"
    PEAK = "peak above the written one"
    AT_LIMIT = "at its limit"
    UNEVEN = "uneven tasks"
    IMAGE = "other image since"


class Compared(Model):
    """One resource of a service, written and seen.

    Bytes or threads. `p50` is the median of the mean task, `p95` and `peak` are the
    busiest task's; baseline, peak, `p50` and `peak` are in threads of speed 1.0,
    `reserved`, `p95` and `suggested` in the servers' own. `difference` is what is
    suggested less what is reserved; None without enough samples.
    """

    baseline: float
    peak: float
    reserved: float
    limit: float
    p50: float | None = None
    p95: float | None = None
    seen_peak: float | None = None
    suggested: float | None = None
    difference: float | None = None


class Row(Model):
    """One service of the fleet, written and seen."""

    service: str
    stack: str
    engine: str
    tasks: int = Field(0, description="Most tasks seen at one moment.")
    samples: int = Field(0, description="Moments with both memory and CPU.")
    span: float = Field(0.0, description="Seconds from the first to the last.")
    memory: Compared
    cpu: Compared
    flags: tuple[Flag, ...] = ()


def rows(fleet: Fleet, measurement: Measurement) -> tuple[Row, ...]:
    """Every service, in the order of the files."""
    return tuple(_row(service, measurement.services.get(service.id)) for service in fleet.services)


def remarks(fleet: Fleet, measurement: Measurement, now: datetime) -> tuple[str, ...]:
    """What is to be known about the measurement as a whole, in words."""
    return tuple(_remarks(fleet, measurement, now))


def _remarks(fleet: Fleet, measurement: Measurement, now: datetime) -> Iterator[str]:
    if measurement.source.lab:
        yield "measured on the lab: stand-ins use less than the images they stand for"
    if measurement.age(now) > OLD:
        yield f"the measurement is {show_duration(measurement.age(now))} old: measure again"
    if measurement.interrupted:
        yield f"interrupted after {show_duration(measurement.window)}"
    if measurement.window < SHORT:
        yield (
            f"{show_duration(measurement.window)} is short: no night, no busy hour, no weekend; "
            "a week tells more"
        )
    known = {service.id for service in fleet.services}
    gone = [name for name in measurement.services if name not in known]
    if gone:
        yield f"measured, and not in the fleet's files any more: {', '.join(sorted(gone))}"
    unmeasured = [s.id for s in fleet.services if s.id not in measurement.services]
    if unmeasured:
        yield f"not seen, so as declared: {', '.join(unmeasured)}"
    if measurement.strangers:
        yield f"seen, and not the fleet's: {', '.join(measurement.strangers)}"
    for server, why in measurement.lost.items():
        yield f"{server} could not be asked: {why}"
    yield from measurement.notes


def _row(service: Service, seen: Seen | None) -> Row:
    load = service.load
    memory = _compared(
        (load.memory, load.memory_peak, service.reservation_memory, service.limit_memory),
        seen.memory if seen else None,
        seen.memory if seen else None,
        wanted_memory(service, seen.memory) if seen else None,
    )
    cpu = _compared(
        (load.cpu, load.cpu_peak, service.reservation_cpus, service.limit_cpus),
        seen.cpu if seen else None,
        seen.work if seen else None,
        wanted_cpus(service, seen.cpu) if seen else None,
    )
    if service.engine is not Engine.SWARM:
        memory, cpu = (
            c.model_copy(update={"suggested": None, "difference": None}) for c in (memory, cpu)
        )
    return Row(
        service=service.id,
        stack=service.stack,
        engine=service.engine.value,
        tasks=seen.tasks if seen else 0,
        samples=seen.samples if seen else 0,
        span=seen.span if seen else 0.0,
        memory=memory,
        cpu=cpu,
        flags=tuple(_flags(service, seen, memory, cpu)),
    )


def _compared(
    written: tuple[float, float, float, float],
    own: Signal | None,
    work: Signal | None,
    suggested: float | None,
) -> Compared:
    baseline, peak, reserved, limit = written
    return Compared(
        baseline=baseline,
        peak=max(baseline, peak),
        reserved=reserved,
        limit=limit,
        p50=work.mean.p50 if work else None,
        p95=own.busiest.p95 if own else None,
        seen_peak=work.busiest.peak if work else None,
        suggested=suggested,
        difference=None if suggested is None else round(suggested - reserved, 6),
    )


def _flags(service: Service, seen: Seen | None, memory: Compared, cpu: Compared) -> Iterator[Flag]:
    if seen is None:
        yield Flag.UNSEEN
        return
    if not (enough(seen.memory) and enough(seen.cpu)):
        yield Flag.NO_CPU if seen.cpu is None else Flag.FEW
    if seen.span < SHORT:
        yield Flag.SHORT
    if seen.image and seen.image != service.image:
        yield Flag.IMAGE
    if service.engine is Engine.SWARM:
        yield from _reserved(memory, cpu)
    if _far(memory.baseline, memory.p50, FAR_MEMORY) or _far(cpu.baseline, cpu.p50, FAR_CPU):
        yield Flag.BASELINE
    if _above(memory.seen_peak, memory.peak, FAR_MEMORY) or _above(
        cpu.seen_peak, cpu.peak, FAR_CPU
    ):
        yield Flag.PEAK
    if near_limit(service, seen.memory):
        yield Flag.AT_LIMIT
    if any(_uneven(signal) for signal in (seen.memory, seen.cpu)):
        yield Flag.UNEVEN


def _reserved(memory: Compared, cpu: Compared) -> Iterator[Flag]:
    if not memory.reserved and not cpu.reserved:
        yield Flag.NOTHING_RESERVED
        return
    pairs = ((memory, FAR_MEMORY), (cpu, FAR_CPU))
    if any(one.reserved and _above(one.p95, one.reserved, 0.0) for one, _ in pairs):
        yield Flag.TOO_LITTLE
    if any(
        one.suggested is not None
        and one.reserved > FAR * one.suggested
        and one.reserved - one.suggested >= least
        for one, least in pairs
    ):
        yield Flag.TOO_MUCH


def _far(written: float, seen: float | None, least: float) -> bool:
    if seen is None or abs(seen - written) < least:
        return False
    low, high = sorted((written, seen))
    return high > FAR * low


def _above(seen: float | None, written: float, least: float) -> bool:
    return seen is not None and seen > written * 1.1 and seen - written >= least


def _uneven(signal: Signal | None) -> bool:
    return signal is not None and signal.busiest.p50 > UNEVEN * signal.mean.p50


def left_alone(fleet: Fleet, measurement: Measurement) -> dict[str, str]:
    """Services that nothing is suggested for → why."""
    changed = suggest(fleet, measurement)
    out = {}
    for row in rows(fleet, measurement):
        if row.service in changed:
            continue
        if Flag.UNSEEN in row.flags:
            out[row.service] = "not seen"
        elif Flag.FEW in row.flags or Flag.NO_CPU in row.flags:
            out[row.service] = "too few samples"
        else:
            out[row.service] = "as declared"
    return out
