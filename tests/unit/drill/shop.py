"""A small fleet and what a swarm of it looks like, for tests of drills."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from quorate.fleet.model import Fleet, Role
from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from tests.unit.plan.builders import fleet, server, service

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT: Mapping[str, str] = {"web": "aw", "api": "w", "db": "b"}


def shop() -> Fleet:
    """Managers a, b, c, of which a leads, and a worker w."""
    servers = [server(name, role=Role.MANAGER) for name in "abc"] + [server("w")]
    return fleet(
        servers,
        [service("web", replicas=2), service("api", needs=("db",)), service("db", pins=("b",))],
    )


def seen(
    at: Mapping[str, str] = AT,
    *,
    down: str = "",
    leader: str = "a",
    unreached: str = "",
    replaced: Mapping[str, str] | None = None,
) -> Snapshot:
    """A swarm with tasks at servers, by letters; `replaced` has tasks that are newer."""
    found = shop()
    nodes = tuple(
        ObservedNode(
            id=s.name,
            hostname=s.name,
            role=s.role.value,
            state="down" if s.name in down else "ready",
            leader=s.name == leader,
            reachability="unreachable" if s.name in unreached else None,
        )
        for s in found.servers
    )
    services, tasks = [], []
    for each in found.services:
        pinned = [f"node.hostname=={each.pins[0]}"] if each.pins else []
        services.append(
            ObservedService(
                id=each.id,
                name=each.swarm_name,
                replicas=each.replicas,
                spec={"TaskTemplate": {"Placement": {"Constraints": pinned}}},
            )
        )
        new = (replaced or {}).get(each.id, "")
        for age, places in (("old", at.get(each.id, "")), ("new", new)):
            for number, place in enumerate(places):
                tasks.append(
                    ObservedTask(
                        id=f"{each.id}.{age}.{number}",
                        service_id=each.id,
                        node_id=place,
                        state="running",
                        desired_state="running",
                    )
                )
    return Snapshot(taken_at=NOW, nodes=nodes, services=tuple(services), tasks=tuple(tasks))
