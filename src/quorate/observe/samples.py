"""What was observed, as samples of metrics. Pure.

What is not known gives no sample: without an answer from a manager there is nothing of
nodes and services, and what a server said of itself is left out once it is silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from quorate.alerts import metrics
from quorate.alerts.metrics import Sample
from quorate.errors import NoQuorumError
from quorate.fleet.model import Fleet, Service
from quorate.fleet.observed import ObservedNode, Snapshot
from quorate.observe.deep_model import ServerFacts, Settings
from quorate.observe.deep_servers import settings, skews
from quorate.observe.gather import Gathered
from quorate.observe.health import Condition, ServiceHealth
from quorate.observe.servers import ServerHealth, ServerState
from quorate.observe.standing import Standing

UP = frozenset((ServerState.READY, ServerState.DRAINED, ServerState.PAUSED))
MEANT = ("ready", "running")
"""What Swarm wants of a task that is to run: at once, or once its predecessor has stopped."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One observation. `began` in Unix time, `took` in seconds."""

    fleet: Fleet
    gathered: Gathered
    standing: Standing
    settings: Settings | None = None
    servers: Mapping[str, ServerFacts] = field(default_factory=dict)
    began: float
    took: float


def samples(seen: Seen) -> tuple[Sample, ...]:
    """All that an observation gives."""
    found = [*_observation(seen), *_quorum(seen), *_servers(seen)]
    if seen.gathered.swarm:
        found += [*_managers(seen), *_nodes(seen), *_services(seen), *_settings(seen)]
    return tuple([*found, *_of_servers(seen)])


def nothing_yet(fleet: Fleet) -> tuple[Sample, ...]:
    """Before the first observation has ended."""
    return (metrics.OBSERVATION_OK.sample(fleet.name, value=0),)


def _observation(seen: Seen) -> Iterator[Sample]:
    name = seen.fleet.name
    yield metrics.OBSERVATION_OK.sample(name, value=seen.gathered.swarm)
    yield metrics.OBSERVED.sample(name, value=round(seen.began, 3))
    yield metrics.OBSERVATION_SECONDS.sample(name, value=round(seen.took, 3))


def _quorum(seen: Seen) -> Iterator[Sample]:
    """What managers said, also those that could say nothing but that they have no leader."""
    name, silent = seen.fleet.name, seen.gathered.snapshot.unreachable
    if seen.gathered.swarm or isinstance(seen.gathered.why, NoQuorumError):
        yield metrics.QUORUM.sample(name, value=seen.gathered.swarm)
    answering = sum(server.name not in silent for server in seen.fleet.managers)
    yield metrics.MANAGERS_ANSWERING.sample(name, value=answering)


def _servers(seen: Seen) -> Iterator[Sample]:
    for server in seen.standing.servers:
        yield metrics.SERVER_ANSWERS.sample(seen.fleet.name, server.name, value=server.answers)


def _managers(seen: Seen) -> Iterator[Sample]:
    """Those the swarm counts: entries of servers that joined anew count for the quorum too."""
    managers = [n for n in seen.gathered.snapshot.nodes if n.reachability is not None]
    reachable = sum(_reached(node) for node in managers)
    needed = len(managers) // 2 + 1
    name = seen.fleet.name
    yield metrics.MANAGERS.sample(name, value=len(managers))
    yield metrics.MANAGERS_REACHABLE.sample(name, value=reachable)
    yield metrics.MANAGERS_NEEDED.sample(name, value=needed)
    yield metrics.QUORUM_MARGIN.sample(name, value=reachable - needed)


def _reached(node: ObservedNode) -> bool:
    return node.reachability == "reachable"


def _nodes(seen: Seen) -> Iterator[Sample]:
    for server in seen.standing.servers:
        yield from _node(seen.fleet.name, server)


def _node(fleet: str, server: ServerHealth) -> Iterator[Sample]:
    yield metrics.NODE_UP.sample(fleet, server.name, server.role, value=server.state in UP)
    if server.reachability is not None:
        reached = server.reachability == "reachable"
        yield metrics.MANAGER_REACHABLE.sample(fleet, server.name, value=reached)
        yield metrics.LEADER.sample(fleet, server.name, value=server.leader)


def _services(seen: Seen) -> Iterator[Sample]:
    health = {service.id: service for service in seen.standing.services}
    for service in seen.fleet.swarm_services():
        yield from _service(seen, service, health[service.id])


def _service(seen: Seen, service: Service, health: ServiceHealth) -> Iterator[Sample]:
    missing = health.condition is Condition.MISSING
    wanted = service.replicas if missing else health.desired
    of = (seen.fleet.name, service.id, service.swarm_name, service.workload_class)
    yield metrics.TASKS_WANTED.sample(*of, value=wanted)
    yield metrics.TASKS_RUNNING.sample(*of, value=health.running)
    waiting = _waiting(service, seen.gathered.snapshot)
    yield metrics.TASKS_PENDING.sample(*of, value=waiting)
    yield metrics.SERVICE_HEALTHY.sample(*of, value=health.condition.good)
    if health.at_home is not None:
        yield metrics.SERVICE_AWAY.sample(*of, value=not health.at_home)


def _waiting(service: Service, snapshot: Snapshot) -> int:
    live = snapshot.service(service.swarm_name)
    if live is None:
        return 0
    return sum(
        task.service_id == live.id and task.state == "pending" and task.desired_state in MEANT
        for task in snapshot.tasks
    )


def _settings(seen: Seen) -> Iterator[Sample]:
    if seen.settings is None:
        return
    for setting, (found, wanted) in settings(seen.fleet, seen.settings).items():
        yield metrics.DRIFT.sample(seen.fleet.name, setting, value=found != wanted)


def _of_servers(seen: Seen) -> Iterator[Sample]:
    """What servers told of themselves, the silent ones left out."""
    silent = seen.gathered.snapshot.unreachable
    told = {name: facts for name, facts in seen.servers.items() if name not in silent}
    for facts in told.values():
        yield from _of_server(seen.fleet.name, facts)
    for name, skew in skews(told).items():
        yield metrics.CLOCK_SKEW.sample(seen.fleet.name, name, value=round(skew.ahead, 4))
        yield metrics.CLOCK_ERROR.sample(seen.fleet.name, name, value=round(skew.error, 4))


def _of_server(fleet: str, facts: ServerFacts) -> Iterator[Sample]:
    name = facts.server
    if facts.certificate is not None:
        since, until = facts.certificate.since, facts.certificate.until
        yield metrics.CERTIFICATE_START.sample(fleet, name, value=since.timestamp())
        yield metrics.CERTIFICATE_EXPIRY.sample(fleet, name, value=until.timestamp())
    if facts.disk is not None:
        share = facts.disk.free / facts.disk.size if facts.disk.size else 0.0
        yield metrics.DISK_FREE.sample(fleet, name, value=facts.disk.free)
        yield metrics.DISK_FREE_RATIO.sample(fleet, name, value=round(share, 4))
    if facts.raft is not None:
        yield metrics.RAFT_BYTES.sample(fleet, name, value=facts.raft)
