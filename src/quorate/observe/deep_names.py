"""Which names to ask on which server, and what is wrong with the answers. Pure.

Docker's resolver on a server answers from that server's own copy of the swarm's records.
`tasks.NAME` are the addresses of a service's tasks, `NAME` its virtual one; a container in
several networks is told of one they share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from quorate.fleet.observed import ObservedContainer, ObservedService, ObservedTask, Snapshot
from quorate.observe.deep_model import Action, Answers, Check, Facts, Finding, Kind
from quorate.observe.servers import holds_resources

TASK_LABEL = "com.docker.swarm.task.id"
WHY = "who asks for the service is sent to an address where nobody answers, or never to a task"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to ask in one network of a server: any of the containers, fewest networks first."""

    server: str
    network: str
    containers: tuple[ObservedContainer, ...]
    names: tuple[str, ...]


def questions(snapshot: Snapshot) -> tuple[Question, ...]:
    """One for each overlay network that has running tasks on a server."""
    running = {task.id for service in snapshot.services for task in snapshot.running(service)}
    inside: dict[tuple[str, str], list[ObservedContainer]] = defaultdict(list)
    for item in snapshot.containers:
        if item.state == "running" and item.labels.get(TASK_LABEL) in running:
            for network in overlays(snapshot).keys() & item.networks.keys():
                inside[item.server, network].append(item)
    found = []
    for (server, network), items in sorted(inside.items()):
        names = tuple(_names(snapshot, network))
        if names:
            few = tuple(sorted(items, key=lambda item: (len(item.networks), item.name)))
            found.append(Question(server=server, network=network, containers=few, names=names))
    return tuple(found)


def overlays(snapshot: Snapshot) -> Mapping[str, str]:
    """Networks of the swarm that services find each other in: id → name."""
    return {
        details["id"]: name
        for name, details in snapshot.networks.items()
        if details.get("scope") == "swarm"
        and details.get("driver") == "overlay"
        and not details.get("ingress")
    }


def _names(snapshot: Snapshot, network: str) -> Iterator[str]:
    for service in snapshot.services:
        if any(network in task.addresses for task in snapshot.running(service)):
            yield f"tasks.{service.name}"
            yield service.name


def wrong_names(facts: Facts) -> tuple[Finding, ...]:
    """One finding for each service and each way in which its names are wrong."""
    places: dict[tuple[str, frozenset[str], frozenset[str]], set[str]] = defaultdict(set)
    for answers in facts.answers:
        for service in facts.snapshot.services:
            missing, gone = _differences(service, answers, facts.snapshot)
            if missing or gone:
                places[service.name, missing, gone].add(answers.server)
    return tuple(
        _finding(facts.snapshot, name, missing, gone, servers)
        for (name, missing, gone), servers in sorted(
            places.items(), key=lambda item: (item[0][0], sorted(item[1]))
        )
    )


def _differences(
    service: ObservedService, answers: Answers, snapshot: Snapshot
) -> tuple[frozenset[str], frozenset[str]]:
    """Addresses that the names should give and do not, and those they should not give."""
    tasks = snapshot.running(service)
    shared = [n for n in sorted(answers.networks) if any(n in task.addresses for task in tasks)]
    missing: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    for name, wanted in (
        (f"tasks.{service.name}", [_of_tasks(tasks, network) for network in shared]),
        (service.name, [_of_service(service, tasks, network) for network in shared]),
    ):
        if not wanted or name not in answers.found:
            continue
        found = frozenset(answers.found[name])
        # In several shared networks: it was told of one, the one that fits best.
        best = max(wanted, key=lambda item: (len(item & found), -len(item - found)))
        missing |= best - found
        gone |= found - best
    return missing, gone - _coming_and_going(service, snapshot)


def _coming_and_going(service: ObservedService, snapshot: Snapshot) -> frozenset[str]:
    """Addresses of its tasks that start or stop just now, which names may or may not give."""
    ready = {node.id for node in snapshot.nodes if node.ready}
    return frozenset(
        address
        for task in snapshot.tasks
        if task.service_id == service.id and task.node_id in ready and holds_resources(task)
        for addresses in task.addresses.values()
        for address in addresses
    )


def _of_tasks(tasks: tuple[ObservedTask, ...], network: str) -> frozenset[str]:
    return frozenset(address for task in tasks for address in task.addresses.get(network, ()))


def _of_service(
    service: ObservedService, tasks: tuple[ObservedTask, ...], network: str
) -> frozenset[str]:
    virtual = service.addresses.get(network)
    return frozenset((virtual,)) if virtual else _of_tasks(tasks, network)


def _finding(
    snapshot: Snapshot, name: str, missing: frozenset[str], gone: frozenset[str], servers: set[str]
) -> Finding:
    said = []
    if missing:
        said.append(f"its names miss {', '.join(sorted(missing))}")
    if gone:
        holders = (f"{address}{_holder(snapshot, address)}" for address in sorted(gone))
        said.append(f"its names give {', '.join(holders)}")
    # Tasks that are made anew are announced anew; what is announced and gone is in the engines.
    action = Action(kind=Kind.RESTART, target=name) if missing else None
    mend = (
        f"restart its tasks: `docker service update --force {name}`"
        if missing
        else "remove what has the address, where anything has; otherwise, on each of these "
        "servers, one after another: `systemctl restart docker`"
    )
    return Finding(
        check=Check.NAMES,
        where=", ".join(sorted(servers)),
        subject=name,
        what=f"{name}: {'; '.join(said)}",
        why=WHY,
        mend=mend,
        action=action,
    )


def _holder(snapshot: Snapshot, address: str) -> str:
    for item in snapshot.containers:
        if item.state == "running" and address in item.networks.values():
            return f" (container {item.name} on {item.server})"
    return " (no task of it has that)"
