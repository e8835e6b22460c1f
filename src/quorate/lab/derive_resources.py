"""A service's resources, scaled to the lab's nodes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quorate.fleet.quantities import parse_size
from quorate.lab.derive_rules import Change
from quorate.lab.state import Lab

MEBIBYTE = 1024**2
# The least a swarm accepts (swarmkit, validation of a service's resources).
LEAST_MEMORY = 4 * MEBIBYTE
LEAST_CPUS = 0.001
_WITHHELD = frozenset(("ALL", "SYS_RESOURCE"))


def changes(service: Mapping[str, Any], lab: Lab) -> Iterator[Change]:
    """Reservations by the lab's factors; a CPU limit no higher than the nodes' CPUs."""
    resources = (service.get("deploy") or {}).get("resources") or {}
    base = ("deploy", "resources")
    reserved = resources.get("reservations") or {}
    if "memory" in reserved and lab.memory_factor < 1:
        yield Change(
            path=(*base, "reservations", "memory"),
            lab=scaled_memory(reserved["memory"], lab.memory_factor),
            why=f"the lab's nodes have {lab.memory_factor:.3g} of the servers' memory",
        )
    if "cpus" in reserved and lab.cpu_factor < 1:
        yield Change(
            path=(*base, "reservations", "cpus"),
            lab=scaled_cpus(reserved["cpus"], lab.cpu_factor),
            why=f"the lab's nodes have {lab.cpu_factor:.3g} of the servers' CPUs",
        )
    limit = (resources.get("limits") or {}).get("cpus")
    least = min((node.cpus for node in lab.nodes), default=None)
    if limit is not None and least is not None and float(limit) > least:
        why = f"an engine refuses a limit above its CPUs; the smallest node has {least}"
        yield Change(path=(*base, "limits", "cpus"), lab=str(least), why=why)
    yield from _privileges(service, lab)


def scaled_memory(real: Any, factor: float) -> str:
    """A size by the factor, rounded down to MiB so that what fitted still fits."""
    size = max(LEAST_MEMORY, int(parse_size(real) * factor))
    return f"{size // MEBIBYTE}M"


def scaled_cpus(real: Any, factor: float) -> str:
    """CPU threads by the factor, rounded down to what a swarm can tell apart."""
    cpus = max(LEAST_CPUS, int(float(real) * factor * 10000) / 10000)
    return f"{cpus:.4f}".rstrip("0").rstrip(".")


def _privileges(service: Mapping[str, Any], lab: Lab) -> Iterator[Change]:
    """Limits and rights that nodes without all capabilities cannot grant."""
    if lab.features.privileged:
        return
    if service.get("ulimits"):
        why = "the lab's nodes may not raise such limits on this machine"
        yield Change(path=("ulimits",), lab=None, why=why)
    wanted = service.get("cap_add") or []
    kept = [name for name in wanted if name.upper().removeprefix("CAP_") not in _WITHHELD]
    if kept != wanted:
        why = "the lab's nodes do not have that capability on this machine"
        yield Change(path=("cap_add",), lab=kept or None, why=why)
