"""A live swarm as the model of its scheduler has it, and where tasks would come. Pure.

What is read is what the managers say of themselves: services of others count as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quorate.fleet.constraints import architecture
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from quorate.swarm.board import Board
from quorate.swarm.model import Availability, Node, NodeState, Service, State, Task, TaskState
from quorate.swarm.outcomes import Certainty, Outcomes, explore

NANO = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Landing:
    """Where tasks come when they leave a server, as Swarm would place them.

    `places`: service → host names. `pending`: services of which a task finds no place, always or
    by the order in which Swarm happens to go; `nowhere`: those that no other server may have.
    """

    places: Mapping[str, tuple[str, ...]]
    pending: tuple[str, ...]
    outcomes: Outcomes


def board_of(snapshot: Snapshot, fleet: Fleet) -> Board:
    """The scheduler's books by a snapshot; nodes by host name, services by swarm name."""
    kinds = {server.name: architecture(server) for server in fleet.servers}
    hosts = {node.id: node.hostname for node in snapshot.nodes}
    names = {service.id: service.name for service in snapshot.services}
    nodes = {one.hostname: one for one in _alive_last(snapshot.nodes)}
    return Board(
        State(
            nodes=tuple(_node(one, kinds.get(name, "")) for name, one in sorted(nodes.items())),
            services=tuple(service_of(one) for one in snapshot.services),
            tasks=tuple(_tasks(snapshot.tasks, hosts, names)),
        )
    )


def landing(board: Board, server: str, leaving: Mapping[str, int]) -> Landing:
    """What comes of it when this many tasks of each service leave a server; the board stays."""
    after = board.copy()
    number = after.number(server)
    after.remove([number])
    for name, tasks in leaving.items():
        after.end(name, number, tasks)
    found = explore(after, leaving)
    pending = [name for name in leaving if found.pending(name) is not Certainty.NEVER]
    return Landing(
        places={name: found.places(name) for name in leaving},
        pending=tuple(pending),
        outcomes=found,
    )


def overfull(
    fleet: Fleet, snapshot: Snapshot, found: Outcomes, without: Collection[str] = ()
) -> dict[str, int]:
    """Server → bytes in ordinary times at worst, where moved tasks make that more than it has.

    Swarm places by reservations; this counts what services of the fleet use. `without`: services
    (swarm names) that run no more by then.
    """
    loads = {s.swarm_name: s.load.memory for s in fleet.services}
    used: dict[str, int] = {}
    hosts = {node.id: node.hostname for node in snapshot.nodes}
    for service in snapshot.services:
        if service.name not in without:
            for task in snapshot.running(service):
                host = hosts.get(task.node_id or "", "")
                used[host] = used.get(host, 0) + loads.get(service.name, 0)
    beside = {stack.name: stack.server for stack in fleet.stacks if stack.server}
    for one in fleet.services:
        if (at := beside.get(one.stack)) is not None:
            used[at] = used.get(at, 0) + one.load.memory * one.replicas
    worst: dict[str, int] = {}
    for result in found.results:
        more: dict[str, int] = {}
        for name, places in result:
            for node, tasks in places:
                host = found.nodes[node]
                more[host] = more.get(host, 0) + tasks * loads.get(name, 0)
        for host, amount in more.items():
            worst[host] = max(worst.get(host, 0), amount)
    room = {server.name: server.memory for server in fleet.servers}
    return {
        host: used.get(host, 0) + amount
        for host, amount in sorted(worst.items())
        if amount and host in room and used.get(host, 0) + amount > room[host]
    }


def service_of(service: ObservedService) -> Service:
    """What the scheduler reads of a live service."""
    template: Mapping[str, Any] = service.spec.get("TaskTemplate") or {}
    reserved = (template.get("Resources") or {}).get("Reservations") or {}
    placement = template.get("Placement") or {}
    ports = (service.spec.get("EndpointSpec") or {}).get("Ports") or ()
    return Service(
        id=service.name,
        cpu=int(reserved.get("NanoCPUs") or 0),
        memory=int(reserved.get("MemoryBytes") or 0),
        constraints=tuple(placement.get("Constraints") or ()),
        preferences=tuple(
            str((one.get("Spread") or {}).get("SpreadDescriptor") or "")
            for one in placement.get("Preferences") or ()
        ),
        max_replicas=int(placement.get("MaxReplicas") or 0),
        host_ports=tuple(
            (str(port.get("Protocol") or "tcp"), int(port.get("PublishedPort") or 0))
            for port in ports
            if port.get("PublishMode") == "host"
        ),
    )


def _alive_last(nodes: Collection[ObservedNode]) -> list[ObservedNode]:
    """Of a host's several entries the one that is ready is to count."""
    return sorted(nodes, key=lambda node: node.ready)


def _node(node: ObservedNode, kind: str) -> Node:
    states = {one.value for one in NodeState}
    offers = {one.value for one in Availability}
    return Node(
        id=node.hostname,
        hostname=node.hostname,
        cpu=round(node.cpus * NANO),
        memory=node.memory,
        address=node.address,
        role=node.role,
        architecture=kind or "x86_64",
        labels=node.labels,
        state=NodeState(node.state) if node.state in states else NodeState.UNKNOWN,
        availability=Availability(
            node.availability if node.availability in offers else Availability.ACTIVE
        ),
    )


def _tasks(
    tasks: Collection[ObservedTask], hosts: Mapping[str, str], names: Mapping[str, str]
) -> Iterator[Task]:
    known = {state.name: state for state in TaskState}
    for task in tasks:
        desired, seen = known.get(task.desired_state.upper()), known.get(task.state.upper())
        if desired is None or seen is None or task.service_id not in names:
            continue
        yield Task(
            id=task.id,
            service=names[task.service_id],
            node=hosts.get(task.node_id or ""),
            desired=desired,
            observed=seen,
        )
