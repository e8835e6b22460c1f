"""What Swarm is asked to reserve for a service: the one figure it schedules by."""

from __future__ import annotations

from typing import NamedTuple

from quorate.fleet.model import Service

MINIMUM_MEMORY = 4 * 1024**2
"""Swarm refuses to reserve less."""


class Reservation(NamedTuple):
    """Of one task: memory in bytes, CPU in thousandths of a thread; 0 reserves nothing."""

    memory: int
    cpu: int


def reservation(service: Service, fastest: float) -> Reservation:
    """As written, else the baseline load, never above the limits.

    Swarm schedules by reservations only, so a service without one counts as
    nothing. A load is in speed-1.0 threads and Swarm counts plain threads:
    dividing by `fastest`, the fastest server's speed, never asks for more than
    the plan did.
    """
    memory = service.reservation_memory or service.load.memory
    cpu = service.reservation_cpus or service.load.cpu / fastest
    if service.limit_memory:
        memory = min(memory, service.limit_memory)
    if service.limit_cpus:
        cpu = min(cpu, service.limit_cpus)
    # Rounded down, so that sums never grow.
    return Reservation(
        memory=max(memory, MINIMUM_MEMORY) if memory else 0, cpu=int(cpu * 1000 + 1e-6)
    )
