"""What to write into the files, from what was seen (the ADR on suggested figures says why these).

A reservation is the 95th percentile of the busiest task and 15% more; a load is
the median of the mean task (ordinary times) and the highest seen (its peak). A
memory limit that the peak comes near is raised to 20%, and at least 100 MiB, above
the peak; none is lowered or made up.
"""

from __future__ import annotations

import math

from quorate.fleet.model import Engine, Fleet, Model, Service
from quorate.measured.model import Measurement, Seen, Signal

MIB = 2**20

ENOUGH = 59
"""Samples from which on a p95 is one: the highest of 59 independent ones is at or above
the 95th percentile with 95% certainty (0.95 to the power of 59 is 0.048; Wilks 1941)."""

MARGIN = 0.15
"""Above the p95; the Vertical Pod Autoscaler's --recommendation-margin-fraction."""

LIMIT_FACTOR = 1.2
LIMIT_LEAST = 100 * MIB
"""Above the peak; the Vertical Pod Autoscaler's --oom-bump-up-ratio and --oom-min-bump-up-bytes."""

NEAR_LIMIT = 0.95
"""From this share of its limit on, a peak says that there was no more, not what was needed."""

MEMORY_STEP = 16 * MIB
CPU_STEP = 0.01
LOAD_CPU_STEP = 0.001

ALIKE = 0.1
"""A figure this near to the written one is left as it is."""


class Suggestion(Model):
    """New figures for one service; None where there is no reason for another one.

    Memory in bytes; `reservation_cpus` in a server's own threads, loads in threads
    of speed 1.0. Loads are of one task.
    """

    service: str
    reservation_memory: int | None = None
    reservation_cpus: float | None = None
    limit_memory: int | None = None
    memory: int | None = None
    memory_peak: int | None = None
    cpu: float | None = None
    cpu_peak: float | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is to be changed."""
        return all(value is None for name, value in self if name != "service")


def suggest(fleet: Fleet, measurement: Measurement) -> dict[str, Suggestion]:
    """Service id → its new figures, where they differ from what is written."""
    found = {
        service.id: suggestion(service, measurement.services[service.id])
        for service in fleet.services
        if service.id in measurement.services
    }
    return {name: one for name, one in found.items() if not one.empty}


def suggestion(service: Service, seen: Seen) -> Suggestion:
    """The new figures of one service.

    Without enough samples of a resource nothing is said about it. What docker
    compose runs gets loads only: nobody schedules it by reservations.
    """
    swarm = service.engine is Engine.SWARM
    out: dict[str, float] = {}
    if seen.memory is not None and enough(seen.memory):
        out |= _memory(service, seen.memory, swarm=swarm)
    if seen.cpu is not None and seen.work is not None and enough(seen.cpu):
        out |= _cpu(service, seen.cpu, seen.work, swarm=swarm)
    return Suggestion(service=service.id, **out)


def _memory(service: Service, signal: Signal, *, swarm: bool) -> dict[str, float]:
    wanted = wanted_memory(service, signal) if swarm else None
    limit = wanted_limit(service, signal) if swarm else None
    written = service.reservation_memory
    out: dict[str, float] = {}
    if wanted is not None and not alike(written, wanted):
        out["reservation_memory"] = written = wanted
    if limit is not None or (swarm and 0 < service.limit_memory < written):
        # Engines refuse a reservation above its limit: the limit goes up with it.
        out["limit_memory"] = max(limit or 0, written)
    load = service.load
    seen = (_up(signal.mean.p50, MIB), _up(signal.busiest.peak, MIB))
    written_load = (load.memory, max(load.memory, load.memory_peak))
    return _whole(out, ("memory", "memory_peak"), written_load, seen)


def _cpu(service: Service, signal: Signal, work: Signal, *, swarm: bool) -> dict[str, float]:
    wanted = wanted_cpus(service, signal) if swarm else None
    out: dict[str, float] = {}
    if wanted is not None and not alike(service.reservation_cpus, wanted):
        out["reservation_cpus"] = wanted
    load = service.load
    seen = (_up_cpu(work.mean.p50, LOAD_CPU_STEP), _up_cpu(work.busiest.peak, LOAD_CPU_STEP))
    return _whole(out, ("cpu", "cpu_peak"), (load.cpu, max(load.cpu, load.cpu_peak)), seen)


def _whole(
    out: dict[str, float],
    names: tuple[str, str],
    written: tuple[float, float],
    seen: tuple[float, float],
) -> dict[str, float]:
    """Baseline and peak added: what was seen, or what holds now where only others change.

    A load that is not written follows the reservation and the limit, so with a new
    one of these it has to be written to stay as it is.
    """
    if not all(alike(*pair) for pair in zip(written, seen, strict=True)):
        return {**out, **dict(zip(names, seen, strict=True))}
    return {**out, **dict(zip(names, written, strict=True))} if out else out


def enough(signal: Signal | None) -> bool:
    """Whether a p95 can be read from it."""
    return signal is not None and signal.samples >= ENOUGH


def wanted_memory(service: Service, signal: Signal | None) -> int | None:
    """The memory to reserve, in bytes; None without enough samples."""
    if signal is None or not enough(signal):
        return None
    return int(_up(signal.busiest.p95 * (1 + MARGIN), MEMORY_STEP))


def wanted_cpus(service: Service, signal: Signal | None) -> float | None:
    """The threads to reserve, never above the service's limit; None without enough samples."""
    if signal is None or not enough(signal):
        return None
    cpus = _up_cpu(signal.busiest.p95 * (1 + MARGIN), CPU_STEP)
    return min(cpus, service.limit_cpus) if service.limit_cpus else cpus


def wanted_limit(service: Service, signal: Signal) -> int | None:
    """A memory limit to raise the written one to; None where there is none or it is high enough."""
    if not near_limit(service, signal):
        return None
    peak = signal.busiest.peak
    return max(
        service.limit_memory + MEMORY_STEP,
        int(_up(max(peak * LIMIT_FACTOR, peak + LIMIT_LEAST), MEMORY_STEP)),
    )


def near_limit(service: Service, signal: Signal | None) -> bool:
    """Whether its memory came so near to its limit that more might have been used."""
    if signal is None or not service.limit_memory:
        return False
    return signal.busiest.peak >= NEAR_LIMIT * service.limit_memory


def alike(written: float, wanted: float) -> bool:
    """Whether two figures are near enough for the written one to stay."""
    return abs(wanted - written) <= ALIKE * max(written, wanted)


def _up(value: float, step: int) -> int:
    """Up to the next whole step, at least one."""
    return max(1, math.ceil(value / step)) * step


def _up_cpu(value: float, step: float) -> float:
    # Rounded first: 0.15 / 0.01 is a hair above 15.
    return round(max(1, math.ceil(round(value / step, 6))) * step, 6)
