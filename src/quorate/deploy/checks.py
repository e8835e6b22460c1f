"""The rules of the preflight: facts in, findings out. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from quorate.deploy.facts import BLOCKED, REFUSED, ServerFacts
from quorate.deploy.swarm_state import SwarmState
from quorate.errors import QuorateError
from quorate.fleet.model import Fleet, Model, Role, Server

GIB = 1024**3
DISK_NEEDED = 2 * GIB
"""Free space below which pulls and logs soon fail, and Swarm rejects tasks."""
DISK_WARN_SHARE = 0.10
MEMORY_ERROR_SHARE = 0.90
MEMORY_WARN_SHARE = 0.97
"""A machine sold with 16 GiB reports a few per cent less: the kernel keeps some."""
CLOCK_WARN_SECONDS = 1.0
CLOCK_ERROR_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of the fleet file's figures the machines have: below 1 in a lab only."""

    memory: float = 1.0
    cpu: float = 1.0


class Severity(StrEnum):
    """An error stops; a warning is worth reading; a note says what could not be checked."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Finding(Model):
    """One thing the preflight found. `server` is empty where it concerns several."""

    check: str
    server: str
    severity: Severity
    what: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.server}: {self.what}" if self.server else self.what


def from_error(check: str, server: str, error: QuorateError) -> Finding:
    """An expected error as a finding."""
    what = error.what + (f" ({error.cause})" if error.cause else "")
    return Finding(
        check=check, server=server, severity=Severity.ERROR, what=what, todo=error.todo or ""
    )


def unreachable(
    fleet: Fleet, errors: Mapping[str, QuorateError], state: SwarmState
) -> list[Finding]:
    """Servers that do not answer. One that the swarm already counts as lost stops nothing."""
    known = {node.hostname for node in state.nodes if not node.ready}
    out = []
    for server in fleet.servers:
        error = errors.get(server.name)
        if error is None:
            continue
        finding = from_error("reachable", server.name, error)
        if server.name in known:
            finding = finding.model_copy(
                update={
                    "severity": Severity.WARNING,
                    "what": f"{finding.what}; the swarm counts it as lost, so its services "
                    "go elsewhere in their pools",
                }
            )
        out.append(finding)
    return out


def one_server(fleet: Fleet, server: Server, facts: ServerFacts, scale: Scale) -> list[Finding]:
    """What one server is by itself, against the fleet file."""
    return [
        *_host_name(server, facts),
        *_engine(fleet, facts),
        *_memory(server, facts, scale.memory),
        *_cpus(server, facts, scale.cpu),
        *_disk(facts),
        *_kernel(fleet, facts),
    ]


def _host_name(server: Server, facts: ServerFacts) -> list[Finding]:
    if facts.host_name == server.name:
        return []
    return [
        Finding(
            check="host name",
            server=server.name,
            severity=Severity.ERROR,
            what=f"it calls itself {facts.host_name}; Swarm places services by that name",
            todo=f"name the server {facts.host_name} in the fleet file, or on it: "
            f"`hostnamectl set-hostname {server.name}` and restart Docker",
        )
    ]


def _engine(fleet: Fleet, facts: ServerFacts) -> list[Finding]:
    out = []
    minimum = fleet.swarm.minimum_engine
    if version_of(facts.engine) < version_of(minimum):
        out.append(
            Finding(
                check="engine",
                server=facts.server,
                severity=Severity.ERROR,
                what=f"its Docker engine is {facts.engine}; the fleet needs {minimum} at least",
                todo=f"upgrade Docker on {facts.server}, or lower `swarm.minimum_engine`",
            )
        )
    if facts.live_restore:
        out.append(
            Finding(
                check="engine",
                server=facts.server,
                severity=Severity.ERROR,
                what="its engine has `live-restore` on, which Swarm refuses",
                todo="take `live-restore` out of /etc/docker/daemon.json and restart Docker",
            )
        )
    return out


def version_of(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: `20.10.24+dfsg1` → (20, 10, 24)."""
    found = re.match(r"[0-9]+(\.[0-9]+)*", text)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def _memory(server: Server, facts: ServerFacts, scale: float) -> list[Finding]:
    wanted = server.memory * scale
    if wanted <= 0 or facts.memory >= wanted * MEMORY_WARN_SHARE:
        return []
    short = facts.memory < wanted * MEMORY_ERROR_SHARE
    return [
        Finding(
            check="memory",
            server=server.name,
            severity=Severity.ERROR if short else Severity.WARNING,
            what=f"it has {_gib(facts.memory)} of memory; the fleet file says {_gib(wanted)}",
            todo=f"write `memory: {facts.memory // (1024**2)}M` for it in the fleet file",
        )
    ]


def _cpus(server: Server, facts: ServerFacts, scale: float) -> list[Finding]:
    wanted = server.cpus * scale
    if facts.cpus + 0.01 >= wanted:
        return []
    return [
        Finding(
            check="cpus",
            server=server.name,
            severity=Severity.ERROR,
            what=f"it has {facts.cpus} CPU threads; the fleet file says {wanted:g}",
            todo=f"write `cpus: {facts.cpus}` for it in the fleet file",
        )
    ]


def _disk(facts: ServerFacts) -> list[Finding]:
    if facts.disk_free is None or not facts.disk_size:
        return [_not_checked("disk", facts.server, f"the free space of {facts.data_root}")]
    where = f"{facts.data_root} has {_gib(facts.disk_free)} free of {_gib(facts.disk_size)}"
    todo = f"on {facts.server}: `docker system df` says what uses it; `docker image prune` helps"
    if facts.disk_free < DISK_NEEDED:
        what = f"its disk is full: {where}; {_gib(DISK_NEEDED)} are needed at least"
        severity = Severity.ERROR
    elif facts.disk_free < facts.disk_size * DISK_WARN_SHARE:
        what, severity = f"its disk is nearly full: {where}", Severity.WARNING
    else:
        return []
    return [Finding(check="disk", server=facts.server, severity=severity, what=what, todo=todo)]


def _kernel(fleet: Fleet, facts: ServerFacts) -> list[Finding]:
    """Warnings only: a server without module files may still have a feature built in."""
    out = []
    mesh = any(p.mode == "ingress" for s in fleet.swarm_services() for p in s.ports)
    needs = {
        "ip_vs": (mesh, "ip_vs", "IPVS (`ip_vs`), which the routing mesh of published ports uses"),
        "esp": (
            fleet.swarm.encrypt_networks,
            "esp4",
            "IPsec (`esp4`), which encrypted networks use",
        ),
    }
    for feature, (needed, module, words) in needs.items():
        if needed and feature not in facts.kernel:
            sure = "lacks" if "known" in facts.kernel else "does not tell whether it has"
            out.append(
                Finding(
                    check="kernel",
                    server=facts.server,
                    severity=Severity.WARNING,
                    what=f"its kernel {sure} {words}",
                    todo=f"on {facts.server}: `modprobe {module}`",
                )
            )
    return out


def clocks(facts: Mapping[str, ServerFacts]) -> list[Finding]:
    """Clocks that differ by more than can be the measurement's error."""
    known = {name: f for name, f in facts.items() if f.clock_offset is not None}
    out = [_not_checked("clock", name, "its clock") for name in facts if name not in known]
    if len(known) < 2:
        return out
    offsets = sorted(f.clock_offset or 0.0 for f in known.values())
    middle = offsets[(len(offsets) - 1) // 2]
    for name, fact in known.items():
        apart = abs((fact.clock_offset or 0.0) - middle) - fact.clock_error
        if apart > CLOCK_WARN_SECONDS:
            error = apart > CLOCK_ERROR_SECONDS
            out.append(
                Finding(
                    check="clock",
                    server=name,
                    severity=Severity.ERROR if error else Severity.WARNING,
                    what=f"its clock is {apart:.1f} s or more away from the other servers'",
                    todo=f"on {name}: `timedatectl set-ntp true`",
                )
            )
    return out


def versions(facts: Mapping[str, ServerFacts]) -> list[Finding]:
    """Engines of different releases work together, but not for ever."""
    releases = {version_of(f.engine)[:2] for f in facts.values() if f.engine}
    if len(releases) < 2:
        return []
    said = ", ".join(f"{name} {fact.engine}" for name, fact in facts.items())
    return [
        Finding(
            check="engine",
            server="",
            severity=Severity.WARNING,
            what=f"the servers run different Docker releases: {said}",
            todo="bring them to one release when convenient, managers one at a time",
        )
    ]


def mtus(facts: Mapping[str, ServerFacts], addresses: Mapping[str, str]) -> list[Finding]:
    """Different MTUs let small packets through and hang large ones."""
    found = {
        name: fact.mtu[addresses[name]]
        for name, fact in facts.items()
        if addresses.get(name) in fact.mtu
    }
    out = [
        _not_checked("mtu", name, "the MTU of its network") for name in facts if name not in found
    ]
    if len(set(found.values())) > 1:
        said = ", ".join(f"{name} {mtu}" for name, mtu in found.items())
        out.append(
            Finding(
                check="mtu",
                server="",
                severity=Severity.WARNING,
                what=f"the servers' networks have different MTUs: {said}",
                todo="give their interfaces one MTU, or the overlay networks the smallest less 50",
            )
        )
    return out


def ports(
    tried: Mapping[str, Mapping[tuple[str, int], str]],
    names: Mapping[str, str],
    state: SwarmState,
) -> list[Finding]:
    """What the tries between servers say.

    A refusal is fine where nothing listens yet, and an error towards a member
    of the swarm. VXLAN (4789/udp) and gossip over UDP answer no such try.
    """
    out = [
        _not_checked("ports", server, "ports 2377 and 7946 from there (it has no bash)")
        for server, results in tried.items()
        if not results
    ]
    for server, results in tried.items():
        for (address, port), result in results.items():
            other = names.get(address, address)
            listening = _listens(other, port, state)
            if result == BLOCKED or (result == REFUSED and listening):
                words = "does not get through to" if result == BLOCKED else "is refused by"
                out.append(
                    Finding(
                        check="ports",
                        server=server,
                        severity=Severity.ERROR,
                        what=f"it {words} {other} ({address}) on port {port}/tcp",
                        todo="open 2377/tcp, 7946/tcp+udp and 4789/udp between the servers",
                    )
                )
    if len(tried) > 1:
        out.append(_not_checked("ports", "", "7946/udp and 4789/udp, which answer no try,"))
    return out


def _listens(server: str, port: int, state: SwarmState) -> bool:
    """Whether something must be listening there, by what the swarm says."""
    member = state.members.get(server)
    if member is None or member.state != "active":
        return False
    node = next((n for n in state.nodes if n.id == member.node_id), None)
    if node is None or not node.ready:
        return False
    return port != 2377 or node.role == Role.MANAGER.value


def _not_checked(check: str, server: str, what: str) -> Finding:
    text = f"{what} could not be checked"
    return Finding(check=check, server=server, severity=Severity.NOTE, what=text)


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"
