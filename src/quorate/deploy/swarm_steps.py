"""Which steps lead from what is there to the swarm of the fleet file. Pure.

Invariant: after all steps, or after any of them and a new look, the next
decision only lists what is still missing; a swarm that is as wanted gets none.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.deploy.swarm_state import Membership, SwarmState
from quorate.errors import EngineError
from quorate.fleet.model import Fleet, Role, Server
from quorate.fleet.observed import ObservedNode


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do to a server. `describe` is for people."""

    server: str

    def describe(self) -> str:
        return f"{type(self).__name__.lower()} {self.server}"


@dataclass(frozen=True, kw_only=True)
class Init(Step):
    """Make a new swarm."""

    def describe(self) -> str:
        return f"make a new swarm on {self.server}"


@dataclass(frozen=True, kw_only=True)
class Leave(Step):
    """Forget a swarm that has forgotten this server, or that it never got into."""

    def describe(self) -> str:
        return f"let {self.server} leave the membership it has lost"


@dataclass(frozen=True, kw_only=True)
class Join(Step):
    """Add to the swarm with its role."""

    role: Role

    def describe(self) -> str:
        return f"join {self.server} as {self.role}"


@dataclass(frozen=True, kw_only=True)
class SetRole(Step):
    """Promote or demote."""

    node_id: str
    role: Role

    def describe(self) -> str:
        verb = "promote" if self.role is Role.MANAGER else "demote"
        return f"{verb} {self.server} to {self.role}"


@dataclass(frozen=True, kw_only=True)
class Forget(Step):
    """Remove an entry that stays down for ever, since its server is back under a new one."""

    node_id: str
    was_manager: bool

    def describe(self) -> str:
        return f"remove the dead entry {self.node_id[:12]} of {self.server}"


@dataclass(frozen=True, kw_only=True)
class Tune(Step):
    """Set the dispatcher heartbeat (seconds) and the task history."""

    heartbeat: float
    task_history: int

    def describe(self) -> str:
        return f"set the swarm's heartbeat to {self.heartbeat:g} s, task history to " + str(
            self.task_history
        )


def steps(fleet: Fleet, state: SwarmState) -> tuple[Step, ...]:
    """What is to be done, in order. Servers that do not answer get no step.

    Raises:
        EngineError: servers belong to different swarms or to one outside this
            fleet, the swarm has no quorum, or it is locked.
    """
    _refuse(fleet, state)
    wanted = [s for s in fleet.servers if s.name in state.members]
    if not any(member.works for member in state.members.values()):
        return _from_nothing(fleet, wanted, state)
    out: list[Step] = [*_forget(wanted, state)]
    for server in _managers_first(wanted):
        member = state.members[server.name]
        if _node_of(member, state) is None:
            if member.state != "inactive":
                out.append(Leave(server=server.name))
            out.append(Join(server=server.name, role=server.role))
    out += _roles(wanted, state)
    settings = fleet.swarm
    if (state.heartbeat, state.task_history) != (settings.heartbeat, settings.task_history):
        out.append(
            Tune(server="", heartbeat=settings.heartbeat, task_history=settings.task_history)
        )
    return tuple(out)


def _from_nothing(fleet: Fleet, wanted: list[Server], state: SwarmState) -> tuple[Step, ...]:
    managers = [s for s in wanted if s.role is Role.MANAGER]
    if not managers:
        raise EngineError(
            "no manager of the fleet answers, so no swarm can be made",
            cause="; ".join(f"{name}: {e.what}" for name, e in state.unreachable.items()) or None,
            todo="bring a manager up, then retry",
        )
    out: list[Step] = []
    for server in _managers_first(wanted):
        if state.members[server.name].state != "inactive":
            out.append(Leave(server=server.name))
        if server is managers[0]:
            out.append(Init(server=server.name))
        else:
            out.append(Join(server=server.name, role=server.role))
    return tuple(out)


def _forget(wanted: list[Server], state: SwarmState) -> list[Forget]:
    """Down entries of a server that is in the swarm, or about to be, under another id."""
    out = []
    for server in wanted:
        own = state.members[server.name].node_id
        for node in state.nodes:
            if node.hostname == server.name and node.id != own and node.state == "down":
                was_manager = node.role == Role.MANAGER.value
                out.append(Forget(server=server.name, node_id=node.id, was_manager=was_manager))
    return out


def _roles(wanted: list[Server], state: SwarmState) -> list[SetRole]:
    """Promotions before demotions, so that the swarm never has fewer managers than wanted.

    A server that is drained for maintenance is promoted when that is over (`quorate undrain`).
    """
    changes = []
    for server in wanted:
        node = _node_of(state.members[server.name], state)
        if node is not None and node.availability == "drain" and server.role is Role.MANAGER:
            continue
        if node is not None and node.role != server.role.value:
            changes.append(SetRole(server=server.name, node_id=node.id, role=server.role))
    return sorted(changes, key=lambda step: step.role is not Role.MANAGER)


def _refuse(fleet: Fleet, state: SwarmState) -> None:
    _refuse_locked(state)
    _refuse_unsure(state)
    clusters: dict[str, list[str]] = {}
    for member in state.members.values():
        if member.works:
            clusters.setdefault(member.cluster, []).append(member.server)
    if len(clusters) > 1:
        said = "; ".join(f"{', '.join(names)}: swarm {key}" for key, names in clusters.items())
        raise EngineError(
            "the servers belong to different swarms",
            cause=said,
            todo="on the servers whose swarm is not needed: `docker swarm leave --force`",
        )
    strangers = [m for m in state.members.values() if _is_stranger(m, state)]
    if not strangers:
        return
    names = ", ".join(member.server for member in strangers)
    if not clusters:
        if any(member.control for member in strangers):
            raise EngineError(
                f"the swarm has no quorum: {names} cannot find a leader",
                cause=strangers[0].error or "more than half of the managers are down",
                todo="power the other managers on again; running services keep running meanwhile",
            )
        raise EngineError(
            f"{names} belongs to a swarm none of whose managers is in this fleet",
            cause=f"its managers are {', '.join(strangers[0].managers) or 'unknown'}",
            todo="on that server: `docker swarm leave`, if that swarm is not needed there",
        )
    raise EngineError(
        f"{names} belongs to another swarm",
        cause=f"its managers are {', '.join(strangers[0].managers) or 'unknown'}",
        todo="on that server: `docker swarm leave --force`, if that swarm is not needed there",
    )


def _refuse_locked(state: SwarmState) -> None:
    locked = [m.server for m in state.members.values() if m.state == "locked"]
    if locked:
        raise EngineError(
            f"the swarm on {', '.join(locked)} is locked",
            cause="its managers were started anew and autolock is on",
            todo="on each of them: `docker swarm unlock`",
        )


def _refuse_unsure(state: SwarmState) -> None:
    """Never make a new swarm in the place of one that may only be starting."""
    members = state.members.values()
    if any(member.works for member in members):
        return
    unsure = [m for m in members if m.node_id and m.state in ("pending", "error")]
    if unsure:
        names = ", ".join(member.server for member in unsure)
        raise EngineError(
            f"the swarm that {names} knows does not work (yet)",
            cause=unsure[0].error or "it has no leader: too few of its managers are up so far",
            todo="power its other managers on and retry; or, to give that swarm up with all it "
            f"holds, on {names}: `docker swarm leave --force`",
        )


def _is_stranger(member: Membership, state: SwarmState) -> bool:
    """In a swarm, yet not in ours: neither listed by it nor removed from it."""
    known = member.state == "active" or (member.state in ("pending", "error") and member.managers)
    if not known or member.works or _node_of(member, state) is not None:
        return False
    ours = {node.address for node in state.nodes if node.role == Role.MANAGER.value}
    return not ours & set(member.managers)


def _node_of(member: Membership, state: SwarmState) -> ObservedNode | None:
    if member.state not in ("active", "pending", "error"):
        return None
    return next((node for node in state.nodes if node.id == member.node_id), None)


def _managers_first(servers: list[Server]) -> list[Server]:
    return sorted(servers, key=lambda server: server.role is not Role.MANAGER)
