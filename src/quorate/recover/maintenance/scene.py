"""What maintenance is decided from: a fleet, its swarm as it is, where services live. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quorate.errors import UsageError
from quorate.fleet.model import Fleet, Service
from quorate.fleet.observed import ObservedNode, ObservedService, Snapshot
from quorate.observe.recovery import eligible
from quorate.recover.maintenance.shift import meant

JOB = "quorate.job"
"""A label of Quorate's own jobs, of whatever work."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """`homes`: service id → servers, as last deployed. `unproven`: swarm name of a service whose
    data has no proven copy → why; services whose data was not asked about are not in it.
    """

    fleet: Fleet
    snapshot: Snapshot
    homes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unproven: Mapping[str, str] = field(default_factory=dict)

    def node(self, server: str) -> ObservedNode:
        """The node of a server.

        Raises:
            UsageError: the fleet or the swarm has none of that name.
        """
        known = [one.name for one in self.fleet.servers]
        if server not in known:
            raise UsageError(
                f"no server {server} in the fleet", todo=f"name one of: {', '.join(known)}"
            )
        found = node_of(server, self.snapshot)
        if found is None:
            raise UsageError(f"{server} is not in the swarm", todo="`quorate up` joins it")
        return found

    def service(self, name: str) -> Service | None:
        """The fleet's service of a swarm name; None for what is not of its files."""
        return next((s for s in self.fleet.swarm_services() if s.swarm_name == name), None)


@dataclass(frozen=True, kw_only=True)
class Resident:
    """A replicated service with tasks on a server.

    `here` of its `replicas` are there; `where` are all of them. `stays`: why it cannot move,
    empty where it may. `keeps`: its data is on that server. `start_first`: two of its tasks may
    run side by side. `passing`: it runs once and ends by itself. `switchover`: the command by which
    it hands over to a replica of its own, empty where it has none.
    """

    name: str
    replicas: int
    here: int
    where: tuple[str, ...]
    stays: str = ""
    keeps: bool = False
    start_first: bool = True
    passing: bool = False
    switchover: str = ""
    stop_seconds: float = 10.0

    @property
    def alone(self) -> bool:
        """Nothing of it is left while its tasks here are not there."""
        return self.here == len(self.where)


def node_of(server: str, snapshot: Snapshot) -> ObservedNode | None:
    """The node of a host name: of several entries the one that is ready."""
    found = sorted((n for n in snapshot.nodes if n.hostname == server), key=lambda n: n.ready)
    return found[-1] if found else None


def residents(scene: Scene, server: str) -> tuple[Resident, ...]:
    """The replicated services with tasks on a server, by name."""
    found = []
    for service in sorted(scene.snapshot.services, key=lambda one: one.name):
        where = meant(service, scene.snapshot)
        if service.mode == "replicated" and server in where:
            found.append(_resident(scene, service, server, where))
    return tuple(found)


def _resident(scene: Scene, live: ObservedService, server: str, where: tuple[str, ...]) -> Resident:
    service = scene.service(live.name)
    keeps, why = _data(service, live)
    if not why and not _elsewhere(scene, live, server):
        why = "no other server that is up may have it"
    return Resident(
        name=live.name,
        replicas=live.replicas or 0,
        here=where.count(server),
        where=where,
        stays=why,
        keeps=keeps,
        start_first=side_by_side(service, live),
        passing=runs_once(live),
        switchover=service.switchover if service is not None else "",
        stop_seconds=stop_seconds(live),
    )


def _data(service: Service | None, live: ObservedService) -> tuple[bool, str]:
    """Whether its data stays on the server, and why that is so in words."""
    if service is not None:
        if service.movable:
            return False, ""
        return True, "its data is there: elsewhere it would start empty"
    mounts = [m for m in _container(live).get("Mounts") or () if not m.get("ReadOnly")]
    kept = [m for m in mounts if m.get("Type", "volume") in ("volume", "bind") and _local(m)]
    if kept:
        return True, f"what it has at {kept[0].get('Target')} is on that server"
    return False, ""


def _local(mount: Mapping[str, Any]) -> bool:
    driver = ((mount.get("VolumeOptions") or {}).get("DriverConfig") or {}).get("Name") or "local"
    return driver == "local" and not str(mount.get("Source") or "").endswith(".sock")


def _elsewhere(scene: Scene, live: ObservedService, server: str) -> bool:
    return any(
        node.ready and node.availability == "active" and eligible(live, node)
        for node in scene.snapshot.nodes
        if node.hostname != server
    )


def side_by_side(service: Service | None, live: ObservedService) -> bool:
    """Whether an old and a new task of it may run at the same time, on two servers."""
    if service is not None:
        return not service.state.keeps_data and not any(u.spoiled_by_two for u in service.volumes)
    return (live.spec.get("UpdateConfig") or {}).get("Order") == "start-first"


def runs_once(live: ObservedService) -> bool:
    """Whether its task does one thing and ends: jobs, backups that run now."""
    template = live.spec.get("TaskTemplate") or {}
    condition = (template.get("RestartPolicy") or {}).get("Condition")
    return condition == "none" or JOB in live.labels


def stop_seconds(live: ObservedService) -> float:
    """How long its tasks may take to end."""
    period = _container(live).get("StopGracePeriod")
    return 10.0 if period is None else int(period) / 1e9


def healthy_seconds(live: ObservedService) -> float:
    """About how long a new task takes until it is healthy, where its image is there already."""
    check = _container(live).get("Healthcheck") or {}
    return 3.0 + int(check.get("Interval") or 0) / 1e9


def patience(live: ObservedService) -> float:
    """Seconds to wait for one task of a service: what its health check may take, and then some."""
    check = _container(live).get("Healthcheck") or {}
    if not check or (check.get("Test") or [""])[0] == "NONE":
        return 240.0
    once = int(check.get("Interval") or 30e9) + int(check.get("Timeout") or 30e9)
    start = int(check.get("StartPeriod") or 0)
    return 240.0 + (start + int(check.get("Retries") or 3) * once) / 1e9


def managers_without(scene: Scene, server: str) -> tuple[int, int]:
    """Of the managers but for one server: how many there are, and how many are reachable."""
    others = [n for n in _managers(scene.snapshot) if n.hostname != server]
    return len(others), sum(n.ready and n.reached for n in others)


def _managers(snapshot: Snapshot) -> list[ObservedNode]:
    return [node for node in snapshot.nodes if node.role == "manager"]


def away(scene: Scene) -> tuple[tuple[ObservedService, tuple[str, ...]], ...]:
    """Services of the fleet that may move and do not run at home, with their homes; by name."""
    found = []
    for service in scene.fleet.swarm_services():
        live = scene.snapshot.service(service.swarm_name)
        homes = tuple(sorted(scene.homes.get(service.id, ())))
        if live is None or live.mode != "replicated" or not homes or not service.movable:
            continue
        if runs_once(live) or len(homes) != live.replicas:
            continue
        where = meant(live, scene.snapshot)
        if Counter(where) != Counter(homes):
            found.append((live, homes))
    return tuple(sorted(found, key=lambda one: one[0].name))


def _container(live: ObservedService) -> Mapping[str, Any]:
    template = live.spec.get("TaskTemplate") or {}
    return template.get("ContainerSpec") or {}
