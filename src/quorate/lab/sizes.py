"""How large each node of the lab is, and where on the lab's network it sits. Pure.

A node's memory is a figure its engine is told, so it can be any size; its CPUs
cannot exceed the machine's. Each is scaled by one factor for all servers, so
that what is placed where in the lab is what would be placed where for real.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network

from quorate.errors import LabError
from quorate.fleet.model import Model, Server

# Share of the machine's memory that the nodes may believe they have together.
MEMORY_SHARE = 0.8
# Reserved for benchmarks (RFC 2544), so no real network is shadowed by it.
LAB_RANGE = IPv4Network("198.18.0.0/15")
FIRST_NODE = 11  # .1 is the gateway, .2 to .10 are the lab's own (its registry)
LAST_NODE = 250


class Sizes(Model):
    """Memory in bytes, CPUs in threads; `cpusets` name the machine's threads (`0-1`)."""

    memory_factor: float
    cpu_factor: float
    memory: dict[str, int]
    cpus: dict[str, int]
    cpusets: dict[str, str]


def fit(servers: Sequence[Server], *, machine_memory: int, threads: Sequence[int]) -> Sizes:
    """Scale a fleet's servers to one machine.

    Args:
        machine_memory: bytes.
        threads: numbers of the CPU threads that may be used.

    Raises:
        LabError: no servers, or more than the lab's network has addresses for.
    """
    if not servers:
        raise LabError("the fleet has no servers", todo="name some under `servers:`")
    if len(servers) > LAST_NODE - FIRST_NODE + 1:
        raise LabError(f"a lab holds at most {LAST_NODE - FIRST_NODE + 1} servers")
    wanted = sum(server.memory for server in servers)
    memory_factor = min(1.0, MEMORY_SHARE * machine_memory / wanted)
    cpu_factor = min(1.0, len(threads) / max(server.cpus for server in servers))
    cpus = {
        server.name: min(len(threads), max(1, round(server.cpus * cpu_factor)))
        for server in servers
    }
    return Sizes(
        memory_factor=memory_factor,
        cpu_factor=cpu_factor,
        memory={server.name: int(server.memory * memory_factor) for server in servers},
        cpus=cpus,
        cpusets=spread(cpus, threads),
    )


def spread(cpus: dict[str, int], threads: Sequence[int]) -> dict[str, str]:
    """Give each server that many threads, the least used first."""
    used = dict.fromkeys(threads, 0.0)
    out = {}
    for name, count in sorted(cpus.items(), key=lambda item: (-item[1], item[0])):
        chosen = sorted(sorted(threads, key=lambda thread: (used[thread], thread))[:count])
        for thread in chosen:
            used[thread] += 1 / count
        out[name] = ",".join(str(thread) for thread in chosen)
    return out


def meminfo(real: str, memory: int) -> str:
    """A /proc/meminfo that says the machine has `memory` bytes.

    Every figure is scaled by the same factor, so that free and available memory
    stay in proportion.
    """
    out = []
    factor = 1.0
    for line in real.splitlines():
        match = re.fullmatch(r"(\w+):(\s+)(\d+) kB", line)
        if match is None:
            out.append(line)
            continue
        name, _, figure = match.groups()
        if name == "MemTotal":
            factor = memory / 1024 / int(figure)
        out.append(f"{name + ':':<16}{int(int(figure) * factor + 0.5):>8} kB")
    return "\n".join(out) + "\n"


def slug(name: str) -> str:
    """A fleet's name as it may appear in names of containers and directories."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "fleet"


def choose_subnet(name: str, taken: Iterable[IPv4Network]) -> IPv4Network:
    """A free /24 of the lab's range; the same lab asks for the same one first.

    Raises:
        LabError: all are taken.
    """
    subnets = list(LAB_RANGE.subnets(new_prefix=24))
    first = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % len(subnets)
    used = list(taken)
    for subnet in subnets[first:] + subnets[:first]:
        if not any(subnet.overlaps(other) for other in used):
            return subnet
    raise LabError(f"no free network is left in {LAB_RANGE}", todo="take some labs down")


def address(subnet: IPv4Network, index: int) -> str:
    """The address of the server with that index (from 0) in the fleet file."""
    return str(subnet[FIRST_NODE + index])


def routed_networks(routes: str) -> tuple[IPv4Network, ...]:
    """The networks in /proc/net/route, default route left out."""
    out = []
    for line in routes.splitlines()[1:]:
        fields = line.split()
        destination, mask = (bytes.fromhex(fields[column])[::-1] for column in (1, 7))
        if any(mask):
            out.append(
                IPv4Network(
                    (int.from_bytes(destination, "big"), int.from_bytes(mask, "big").bit_count())
                )
            )
    return tuple(out)
