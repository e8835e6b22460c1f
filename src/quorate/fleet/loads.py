"""What a service uses, from the first source that says it.

`x-quorate.load`, else `deploy.resources` (reservation: ordinary times, limit:
peak), else compose's older keys (`mem_reservation`, `mem_limit`, `cpus`), else
an assumption by the image's family, which is recorded.
"""

from __future__ import annotations

from typing import NamedTuple

from quorate.fleet.families import DEFAULT, family_of
from quorate.fleet.file import LoadEntry
from quorate.fleet.model import Load
from quorate.fleet.quantities import parse_cpus, parse_size, show_size
from quorate.fleet.view import View


class Resources(NamedTuple):
    """Reservations and limits as the compose file has them; 0 where it has none."""

    reservation_memory: int
    reservation_cpus: float
    limit_memory: int
    limit_cpus: float


def read_resources(view: View) -> Resources:
    """`deploy.resources`, and what the older keys say where it says nothing."""
    base = ("deploy", "resources")
    view.mapping("deploy")
    view.mapping(*base)
    reserved, limits = (*base, "reservations"), (*base, "limits")
    memory = view.parsed(parse_size, *reserved, "memory")
    cpus = view.parsed(parse_cpus, *reserved, "cpus")
    memory_limit = view.parsed(parse_size, *limits, "memory")
    cpus_limit = view.parsed(parse_cpus, *limits, "cpus")
    return Resources(
        memory or view.parsed(parse_size, "mem_reservation") or 0,
        cpus or 0.0,
        memory_limit or view.parsed(parse_size, "mem_limit") or 0,
        cpus_limit or view.parsed(parse_cpus, "cpus") or 0.0,
    )


def decide_load(said: LoadEntry, resources: Resources, image: str, assumed: list[str]) -> Load:
    """The load of one replica; what had to be assumed is added to `assumed`."""
    family = family_of(image)
    kind = "" if family is DEFAULT else f", as usual for {family.name}"
    memory = said.memory or resources.reservation_memory
    if not memory:
        memory = family.memory
        if said.memory_peak or resources.limit_memory:
            memory = min(memory, said.memory_peak or resources.limit_memory)
        assumed.append(f"memory {show_size(memory)} (no reservation and no load{kind})")
    cpu = said.cpu if said.cpu is not None else resources.reservation_cpus
    if not cpu and said.cpu is None:
        cpu = family.cpu
        if said.cpu_peak or resources.limit_cpus:
            cpu = min(cpu, said.cpu_peak or resources.limit_cpus)
        assumed.append(f"CPU {cpu:g} threads (no reservation and no load{kind})")
    network = said.network or 0.0
    # A limit is how far it may go; without one, how far the reservation says.
    return Load(
        memory=memory,
        memory_peak=max(memory, said.memory_peak or resources.limit_memory),
        cpu=cpu,
        cpu_peak=max(cpu, said.cpu_peak or resources.limit_cpus),
        network=network,
        network_peak=max(network, said.network_peak or 0.0),
        spiky=bool(said.spiky),
    )
