"""What a drill hits, and whether it may: pure, from what is live right before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from quorate.drill.file import Drill, Kind, Target
from quorate.drill.model import Guard
from quorate.errors import UsageError
from quorate.fleet.model import Fleet, Role
from quorate.fleet.observed import Snapshot
from quorate.fleet.problems import did_you_mean
from quorate.plan.model import LossOutcome

Choose = Callable[[Sequence[str]], str]
"""One of several names."""


def leader_of(seen: Snapshot) -> str:
    """The manager that leads; empty where none does."""
    return next((node.hostname for node in seen.nodes if node.leader), "")


def targets(target: Target, fleet: Fleet, seen: Snapshot, choose: Choose) -> tuple[str, ...]:
    """The servers that a drill hits now.

    Raises:
        UsageError: there is no such server or service, or nothing of that role.
    """
    if target.server:
        return tuple(dict.fromkeys(_server(name, fleet) for name in target.server))
    if target.service is not None:
        return (_home(target.service, fleet, seen),)
    leader = leader_of(seen)
    managers = [server.name for server in fleet.managers]
    found = {
        "leader": [leader] if leader else [],
        "follower": [name for name in managers if name != leader],
        "worker": [server.name for server in fleet.servers if server.role is Role.WORKER],
    }[target.role or "leader"]
    if not found:
        raise UsageError(f"target: there is no {target.role} in this fleet")
    return (choose(found),)


def _server(name: str, fleet: Fleet) -> str:
    known = [server.name for server in fleet.servers]
    if name not in known:
        raise UsageError(
            f"target: there is no server `{name}`{did_you_mean(name, known)}",
            cause=f"the fleet's servers are {', '.join(known)}",
        )
    return name


def _home(name: str, fleet: Fleet, seen: Snapshot) -> str:
    services = {service.id: service for service in fleet.swarm_services()}
    if name not in services:
        raise UsageError(f"target: there is no service `{name}`{did_you_mean(name, services)}")
    live = seen.service(services[name].swarm_name)
    nodes = {node.id: node.hostname for node in seen.nodes}
    at = sorted(nodes[t.node_id] for t in (seen.running(live) if live else ()) if t.node_id)
    if not at:
        raise UsageError(f"target: {name} runs nowhere", todo="run `quorate up` first")
    return at[0]


def guards(
    drill: Drill,
    fleet: Fleet,
    seen: Snapshot,
    hit: Sequence[str],
    outcome: LossOutcome,
    *,
    token: Iterable[str] = (),
) -> tuple[Guard, ...]:
    """Every guard with what it found.

    `token`: the servers that somebody named as those whose loss may cost the quorum.
    """
    found = [_ready(seen), _whole(fleet, seen), _quorum(drill, fleet, hit, frozenset(token))]
    # Without a quorum nothing is replaced: the guard above says so, or it was allowed.
    if drill.guards.capacity == "n-1" and outcome.quorum:
        found.append(_capacity(outcome))
    if drill.guards.backup_age is not None:
        text = "no backups are known to this version: leave `backup_age` out"
        found.append(Guard(name="backup_age", holds=None, text=text))
    if drill.fault.kind in (Kind.PARTITION, Kind.PACKET_LOSS) and len(hit) == len(fleet.servers):
        found.append(Guard(name="target", holds=False, text="nobody is left on the other side"))
    return tuple(found)


def _ready(seen: Snapshot) -> Guard:
    away = [n.hostname for n in seen.nodes if not (n.ready and n.reached)]
    drained = [n.hostname for n in seen.nodes if n.availability != "active"]
    bad = [*(f"{name} is not reached" for name in away), *(f"{n} is drained" for n in drained)]
    text = ", ".join(bad) or "every server is ready, every manager reached"
    return Guard(name="servers", holds=not bad, text=text)


def _whole(fleet: Fleet, seen: Snapshot) -> Guard:
    missing = []
    for service in fleet.swarm_services():
        live = seen.service(service.swarm_name)
        wanted = live.replicas if live is not None and live.mode == "replicated" else None
        if live is None or (wanted is not None and len(seen.running(live)) < wanted):
            missing.append(service.id)
    text = f"not whole: {', '.join(missing[:8])}" if missing else "every service is whole"
    return Guard(name="services", holds=not missing, text=text)


def _quorum(drill: Drill, fleet: Fleet, hit: Sequence[str], token: frozenset[str]) -> Guard:
    managers = [server.name for server in fleet.managers]
    left = [name for name in managers if name not in hit]
    if len(left) > len(managers) // 2:
        return Guard(name="managers_after", holds=True, text=f"{len(left)} managers are left")
    lost = f"{len(left)} of {len(managers)} managers would be left: no quorum"
    if drill.guards.managers_after == "any" and token == frozenset(hit):
        return Guard(name="managers_after", holds=True, text=f"{lost}, as was allowed")
    todo = f"`managers_after: any` in the drill and --allow-quorum-loss {','.join(hit)} allow it"
    return Guard(name="managers_after", holds=False, text=f"{lost}; {todo}")


def _capacity(outcome: LossOutcome) -> Guard:
    none = [*outcome.pending, *outcome.at_risk]
    text = f"may find no place: {', '.join(none)}" if none else "all that may move finds a place"
    return Guard(name="capacity", holds=not none, text=text)
