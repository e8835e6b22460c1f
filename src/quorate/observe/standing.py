"""How a fleet stands: servers, services, compose stacks, and what is wrong, worst first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum

from quorate.fleet.model import Engine, Fleet, Model, Role
from quorate.fleet.observed import Snapshot
from quorate.fleet.own import CONTROLLER, LABEL_CONTROLLER, LABEL_RECEIVER, is_own
from quorate.observe.containers import compose_states
from quorate.observe.deep_model import Finding
from quorate.observe.gather import Gathered, seen_running
from quorate.observe.health import Condition, ServiceHealth, service_health, unseen
from quorate.observe.servers import ServerHealth, ServerState, server_health

FLEET_LABEL = "quorate.fleet"
OFTEN = 3
"""Failures in the last minutes from which on a running service counts as flapping."""


class Gravity(IntEnum):
    """3: people notice now. 2: the next loss would hurt. 1: worth knowing."""

    MINOR = 1
    SERIOUS = 2
    CRITICAL = 3


class Trouble(Model):
    """One thing that is wrong, and what to do about it."""

    gravity: Gravity
    subject: str
    what: str
    todo: str = ""


class ComposeHealth(Model):
    """A stack that Docker Compose runs on one server, outside the swarm."""

    stack: str
    server: str
    wanted: int
    containers: int = 0
    running: int = 0
    healthy: int = 0
    failing: tuple[str, ...] = ()


class OwnHealth(Model):
    """A service of Quorate's own: the controller of backups, a receiver of a write-ahead log."""

    name: str
    running: int
    where: tuple[str, ...] = ()


class Standing(Model):
    """How the fleet stands at a moment. `swarm` is False when the swarm itself could not be asked.

    `own` are the controller and receivers that are deployed; `strangers` are Swarm services that
    are neither in the fleet file nor Quorate's own. `findings` are what
    `--deep` found, None when it was not asked; `mended` is what `--mend` did before.
    """

    fleet: str
    taken_at: str
    swarm: bool
    servers: tuple[ServerHealth, ...]
    services: tuple[ServiceHealth, ...]
    compose: tuple[ComposeHealth, ...] = ()
    own: tuple[OwnHealth, ...] = ()
    strangers: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    findings: tuple[Finding, ...] | None = None
    mended: tuple[Finding, ...] = ()

    @property
    def healthy(self) -> int:
        """How many services are as they should be."""
        return sum(service.condition.good for service in self.services)


def assess(
    fleet: Fleet, gathered: Gathered, homes: Mapping[str, tuple[str, ...]] | None = None
) -> Standing:
    """How the fleet stands.

    Args:
        homes: service id → planned servers, where known (the last recorded deployment).
    """
    snapshot = gathered.snapshot
    known = homes or {}
    seen = seen_running(snapshot.containers)
    services = tuple(
        service_health(service, snapshot, known.get(service.id))
        if gathered.swarm
        else unseen(service, seen, known.get(service.id))
        for service in fleet.swarm_services()
    )
    servers = server_health(fleet, snapshot, swarm=gathered.swarm)
    compose = _compose(fleet, snapshot)
    ours = {service.swarm_name for service in fleet.swarm_services()}
    own = tuple(_own(fleet, snapshot))
    strangers = tuple(
        sorted(
            service.name
            for service in snapshot.services
            if service.name not in ours and not is_own(service.labels, fleet.name)
        )
    )
    troubles = [
        *_swarm_troubles(gathered, servers),
        *_server_troubles(servers, gathered.swarm),
        *(t for service in services for t in _service_troubles(service)),
        *(t for stack in compose for t in _compose_troubles(stack, snapshot)),
        *_leftovers(fleet, snapshot),
        *(_own_troubles(fleet, own) if gathered.swarm else ()),
    ]
    return Standing(
        fleet=fleet.name,
        taken_at=snapshot.taken_at.isoformat(timespec="seconds"),
        swarm=gathered.swarm,
        servers=servers,
        services=services,
        compose=compose,
        own=own,
        strangers=strangers,
        troubles=tuple(sorted(troubles, key=lambda t: (-t.gravity, t.subject))),
    )


def _compose(fleet: Fleet, snapshot: Snapshot) -> tuple[ComposeHealth, ...]:
    states = {(s.server, s.project): s for s in compose_states(snapshot.containers)}
    out = []
    for stack in fleet.stacks:
        if stack.engine is not Engine.COMPOSE or stack.server is None:
            continue
        wanted = sum(s.replicas for s in fleet.services if s.stack == stack.name)
        found = states.get((stack.server, stack.name))
        counts = (
            {
                "containers": found.containers,
                "running": found.running,
                "healthy": found.healthy,
                "failing": found.failing,
            }
            if found
            else {}
        )
        out.append(
            ComposeHealth.model_validate(
                {"stack": stack.name, "server": stack.server, "wanted": wanted, **counts}
            )
        )
    return tuple(out)


def _swarm_troubles(gathered: Gathered, servers: Iterable[ServerHealth]) -> list[Trouble]:
    if not gathered.swarm:
        error = gathered.why
        what = error.what if error else "the swarm cannot be asked"
        return [
            Trouble(
                gravity=Gravity.CRITICAL,
                subject="swarm",
                what=f"{what}; what follows is only what the servers themselves tell",
                todo=(error.todo if error else None) or "",
            )
        ]
    managers = [s for s in servers if s.role == Role.MANAGER.value and s.reachability is not None]
    up = sum(s.reachability == "reachable" for s in managers)
    if len(managers) > 1 and up < len(managers) and up == len(managers) // 2 + 1:
        return [
            Trouble(
                gravity=Gravity.SERIOUS,
                subject="swarm",
                what=f"{up} of {len(managers)} managers reachable: one more loss ends the quorum",
                todo="bring the missing manager back before working on another one",
            )
        ]
    return []


def _server_troubles(servers: Iterable[ServerHealth], swarm: bool) -> list[Trouble]:
    out = []
    for server in servers:
        found = _server_trouble(server, swarm)
        if found is not None:
            out.append(found)
    return out


def _server_trouble(server: ServerHealth, swarm: bool) -> Trouble | None:
    name = server.name
    if server.state is ServerState.DOWN:
        said = f" ({server.why})" if server.why else ", though it answers ssh"
        # Seen on 26.1: a node that registered in the very moment it was given up
        # stays down for the swarm until its engine, or the leader, changes.
        todo = (
            "power it on"
            if server.why
            else f"if it stays so, on {name}: `systemctl restart docker`"
        )
        return Trouble(
            gravity=Gravity.SERIOUS, subject=name, what=f"is down for the swarm{said}", todo=todo
        )
    if not server.answers:
        gravity = Gravity.SERIOUS if not swarm else Gravity.MINOR
        seen = swarm and server.state is not ServerState.ABSENT
        what = "cannot be asked" + (", though the swarm sees it" if seen else "")
        return Trouble(gravity=gravity, subject=name, what=f"{what}: {server.why}")
    if server.state is ServerState.ABSENT:
        return Trouble(
            gravity=Gravity.SERIOUS,
            subject=name,
            what="is not in the swarm",
            todo="`quorate up` joins it",
        )
    if server.state in (ServerState.DRAINED, ServerState.PAUSED):
        return Trouble(
            gravity=Gravity.MINOR,
            subject=name,
            what=f"is {server.state}: nothing new starts there",
            todo=f"`quorate undrain {name}`, when that is over",
        )
    return None


def _service_troubles(service: ServiceHealth) -> list[Trouble]:
    out = []
    words = f": {service.words}" if service.words else ""
    count = f"{service.running} of {service.desired} running"
    if service.condition in (Condition.MISSING, Condition.FAILING, Condition.PENDING):
        gravity = Gravity.SERIOUS if service.running else Gravity.CRITICAL
        if service.condition is Condition.MISSING:
            what, todo = "is not deployed", "`quorate up`"
        else:
            what = f"{service.condition}, {count}{words}"
            todo = f"`quorate logs {service.id}`"
        out.append(Trouble(gravity=gravity, subject=service.id, what=what, todo=todo))
    elif service.condition is Condition.STARTING and not service.running:
        out.append(
            Trouble(gravity=Gravity.MINOR, subject=service.id, what=f"starting, {count}{words}")
        )
    elif service.condition is Condition.HEALTHY and service.failures >= OFTEN:
        out.append(
            Trouble(
                gravity=Gravity.SERIOUS,
                subject=service.id,
                what=f"runs, but failed {service.failures} times in the last minutes{words}",
                todo=f"`quorate logs {service.id}`",
            )
        )
    if service.update in ("update paused", "rollback paused", "rolled back"):
        out.append(
            Trouble(
                gravity=Gravity.SERIOUS,
                subject=service.id,
                what=f"{service.update}{words}",
                todo="correct it and run `quorate up`, or `quorate rollback`",
            )
        )
    if service.at_home is False:
        where, homes = ", ".join(service.where), ", ".join(service.homes)
        out.append(
            Trouble(
                gravity=Gravity.MINOR,
                subject=service.id,
                what=f"is away from home: on {where}, home is {homes}",
                todo="`quorate up` brings it home once that is up",
            )
        )
    if "job" in service.mode:
        out.append(
            Trouble(
                gravity=Gravity.MINOR,
                subject=service.id,
                what="uses Swarm's job mode, which may repeat without end after a leader change",
                todo="use a plain service with restart condition none",
            )
        )
    return out


def _compose_troubles(stack: ComposeHealth, snapshot: Snapshot) -> list[Trouble]:
    subject = f"{stack.stack} on {stack.server}"
    if stack.server in snapshot.unreachable:
        return [
            Trouble(
                gravity=Gravity.CRITICAL,
                subject=subject,
                what="its server does not answer, and a compose stack does not move",
                todo=f"bring {stack.server} back",
            )
        ]
    if stack.containers == 0:
        return [
            Trouble(
                gravity=Gravity.SERIOUS,
                subject=subject,
                what="no container of this compose project is there",
                todo=f"on {stack.server}: `docker compose up -d`",
            )
        ]
    if stack.failing:
        return [
            Trouble(
                gravity=Gravity.SERIOUS,
                subject=subject,
                what=f"stopped or unhealthy: {', '.join(stack.failing)}",
                todo=f"on {stack.server}: `docker compose ps` and `docker compose logs`",
            )
        ]
    return []


def _own(fleet: Fleet, snapshot: Snapshot) -> Iterable[OwnHealth]:
    """The fleet's controller and receivers, by name."""
    names = {node.id: node.hostname for node in snapshot.nodes if node.ready}
    for service in sorted(snapshot.services, key=lambda one: one.name):
        kinds = (LABEL_CONTROLLER in service.labels, LABEL_RECEIVER in service.labels)
        if is_own(service.labels, fleet.name) and any(kinds):
            tasks = [task for task in snapshot.running(service) if task.node_id in names]
            where = tuple(sorted(names[task.node_id or ""] for task in tasks))
            yield OwnHealth(name=service.name, running=len(tasks), where=where)


def _own_troubles(fleet: Fleet, own: Iterable[OwnHealth]) -> list[Trouble]:
    wanted = bool(fleet.backup.repositories) and fleet.backup.controller.on
    out = []
    if wanted and CONTROLLER not in {one.name for one in own}:
        what = "is not deployed: backups do not begin by themselves"
        todo = "`quorate up` deploys it, or says why it cannot"
        out.append(Trouble(gravity=Gravity.SERIOUS, subject=CONTROLLER, what=what, todo=todo))
    for one in own:
        if not one.running:
            todo = f"see `docker service ps {one.name}` on a manager"
            what = "does not run"
            out.append(Trouble(gravity=Gravity.SERIOUS, subject=one.name, what=what, todo=todo))
    return out


def _leftovers(fleet: Fleet, snapshot: Snapshot) -> list[Trouble]:
    """Dead entries of servers that came back under a new id, and services no longer wanted."""
    out = []
    for server in fleet.servers:
        entries = [node for node in snapshot.nodes if node.hostname == server.name]
        if len(entries) > 1 and any(node.ready for node in entries):
            out.append(
                Trouble(
                    gravity=Gravity.MINOR,
                    subject=server.name,
                    what=f"is listed {len(entries)} times by the swarm",
                    todo="`quorate up` removes the dead entries",
                )
            )
    ours = {service.swarm_name for service in fleet.swarm_services()}
    for service in snapshot.services:
        if service.labels.get(FLEET_LABEL) == fleet.name and service.name not in ours:
            out.append(
                Trouble(
                    gravity=Gravity.MINOR,
                    subject=service.name,
                    what="runs, but is no longer in the fleet's files",
                    todo="`quorate up` removes it",
                )
            )
    return out
