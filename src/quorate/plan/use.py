"""How full each server is under a placement."""

from __future__ import annotations

from collections import Counter

from quorate.plan.model import ServerUse, Use
from quorate.plan.occupancy import Occupancy, Resident
from quorate.plan.problem import (
    CPU,
    DISK,
    MEMORY,
    RESERVED_CPU,
    RESERVED_MEMORY,
    Host,
)
from quorate.plan.words import MIB


def uses(there: Occupancy) -> dict[str, ServerUse]:
    """Every server's bars, by name."""
    return {
        host.server.name: _use(host, there.residents(index))
        for index, host in enumerate(there.problem.hosts)
    }


def _use(host: Host, here: list[Resident]) -> ServerUse:
    def load(resource: int) -> float:
        return sum(tasks * ask.resources[resource] for _, _, ask, _, tasks in here)

    def reserved(resource: int) -> float:
        return sum(tasks * ask.resources[resource] for _, _, ask, swarm, tasks in here if swarm)

    memory_peak = sum(tasks * ask.memory_peak for _, _, ask, _, tasks in here)
    cpu_peak = sum(tasks * ask.cpu_peak for _, _, ask, _, tasks in here)
    beside = host.beside
    speed = host.server.speed
    classes: Counter[str] = Counter()
    for _, workload_class, _, _, tasks in here:
        classes[workload_class] += tasks
    return ServerUse(
        memory=_bar(
            host.total[MEMORY] * MIB,
            reserved(RESERVED_MEMORY) * MIB,
            (beside[MEMORY] + load(MEMORY)) * MIB,
            (beside[MEMORY] + memory_peak) * MIB,
        ),
        cpu=_bar(
            host.total[CPU] / 1000,
            reserved(RESERVED_CPU) * speed / 1000,
            (beside[CPU] + load(CPU)) / 1000,
            (beside[CPU] + cpu_peak) / 1000,
        ),
        disk=_bar(
            host.total[DISK] * MIB,
            0.0,
            (beside[DISK] + load(DISK)) * MIB,
            (beside[DISK] + load(DISK)) * MIB,
        ),
        services=tuple(sorted(name for name, *_ in here)),
        classes=dict(sorted(classes.items())),
    )


def _bar(capacity: float, reserved: float, baseline: float, peak: float) -> Use:
    return Use(
        capacity=capacity,
        reserved=round(reserved, 6),
        baseline=round(baseline, 6),
        peak=round(peak, 6),
        free=round(capacity - baseline, 6),
    )
