"""A fake swarm for the steps of a quorum's recovery: engines, nodes, and the members of raft.

Whoever leaves as a member and is not demoted before is missed by the others, and where too few are
left nothing can be decided any more. A role takes some looks to come about. A call can be the last
one: the caller is killed once it has had its effect.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from quorate.deploy.record import RecordContent
from quorate.deploy.swarm_state import Membership, SwarmState
from quorate.deploy.swarm_steps import Join, Leave, SetRole, Step
from quorate.errors import EngineError
from quorate.fleet.model import Fleet, Role
from quorate.fleet.observed import ObservedNode
from quorate.recover.quorum.look import FORCED
from quorate.recover.quorum.model import Listed, Seen, Sight
from quorate.tools import clock
from tests.fakes.services import Killed

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("one", "two", "three", "four", "five")
MANAGERS = ("one", "two", "three")
NOW = "2026-11-28T07:00:00+00:00"


class NoLeader(AssertionError):
    """Too few managers are left: what no step may bring about."""


@dataclass
class Engine:
    """One server's engine, as far as it is asked about its swarm."""

    world: World
    server: str
    up: bool = True
    ssh: bool = True
    state: str = "active"
    node: str = ""
    cluster: str = ""
    error: str = ""

    @property
    def api(self) -> Engine:
        return self

    def info(self) -> dict[str, Any]:
        if not self.up:
            raise EngineError(f"{self.server} does not answer")
        works = bool(self.cluster) and self.server in self.world.members and self.world.leads()
        return {
            "Swarm": {
                "LocalNodeState": self.state,
                "NodeID": self.node,
                "ControlAvailable": works,
                "Cluster": {"ID": self.cluster} if works else None,
                "Error": self.error,
            }
        }

    def inspect_swarm(self) -> dict[str, Any]:
        spec = {"Name": "default", "Labels": dict(self.world.labels)}
        return {"Spec": spec, "Version": {"Index": 7}}

    def init_swarm(self, **given: Any) -> None:
        world = self.world
        world.did(f"force {self.server}")
        world.members, self.cluster, self.error = {self.server}, "ours", ""
        if world.spec_counts:
            world.labels = dict(given["swarm_spec"]["Labels"])

    def update_swarm(self, version: int, *, swarm_spec: dict[str, Any]) -> None:
        self.world.did("mark")
        self.world.labels = dict(swarm_spec["Labels"])


@dataclass
class World:
    """Engines by server, the swarm's nodes, and the members of raft; time passes by sleeping."""

    fleet: Fleet
    engines: dict[str, Engine] = field(default_factory=dict)
    nodes: list[ObservedNode] = field(default_factory=list)
    members: set[str] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)
    alive: dict[str, str] = field(default_factory=dict)
    spec_counts: bool = True
    pending: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    now: float = 0.0
    killed_after: int = 0
    locks: int = 0
    made: int = 0
    last: RecordContent | None = None

    def __post_init__(self) -> None:
        for name in NAMES:
            self.engines[name] = Engine(self, name, node=f"id-{name}")
            manages = name in MANAGERS
            self.nodes.append(node(name, Role.MANAGER if manages else Role.WORKER))
            if manages:
                self.engines[name].cluster = "ours"
        self.members = set(MANAGERS)

    def did(self, what: str) -> None:
        self.calls.append(what)
        if len(self.calls) == self.killed_after:
            raise Killed

    def sleep(self, seconds: float) -> None:
        """A role comes about once it was waited for so often."""
        self.now += seconds
        for name in list(self.pending):
            self.pending[name] -= 1
            if self.pending[name] <= 0:
                del self.pending[name]
                self.settle(name)

    def settle(self, server: str) -> None:
        found = self.of(server)
        manages = found.role == Role.MANAGER.value
        self.members = self.members | {server} if manages else self.members - {server}
        self.engines[server].cluster = "ours" if manages else ""
        self.put(replace(found, state="ready", reachability="reachable" if manages else None))

    def of(self, server: str) -> ObservedNode:
        return next(one for one in self.nodes if one.hostname == server)

    def put(self, new: ObservedNode) -> None:
        self.nodes = [new if one.id == new.id else one for one in self.nodes]

    def leads(self) -> bool:
        """Whether enough members of raft are up."""
        up = [n for n in self.members if self.engines[n].up and self.engines[n].node]
        return 2 * len(up) > len(self.members)

    def decide(self) -> None:
        """Raises where raft has too few members that are up."""
        if not self.leads():
            raise NoLeader(f"not most of {self.members} are up")

    def power_off(self, *servers: str) -> None:
        for name in servers:
            self.engines[name].up = self.engines[name].ssh = False

    # What the steps ask for.

    def start(self, place: Any, server: str) -> Engine:
        engine = self.engines[server]
        if not engine.up:
            engine.up = True
            if engine.state == "error":
                engine.state = "active"
            self.did(f"start {server}")
        return engine

    def stop(self, place: Any, server: str) -> None:
        if self.engines[server].up:
            self.engines[server].up = False
            self.did(f"stop {server}")

    def answering(self, place: Any, server: str) -> Engine | None:
        engine = self.engines[server]
        return engine if engine.up else None

    def observe(self, client: Any) -> Any:
        self.decide()
        return SimpleNamespace(nodes=tuple(self.nodes))

    def look(self, connections: Any, *, logs: bool) -> Sight:
        return Sight(fleet="test", servers=tuple(map(self.seen, NAMES)), alive=self.alive)

    def seen(self, server: str) -> Seen:
        one, manages = self.engines[server], server in MANAGERS
        works = one.up and server in self.members and bool(one.cluster) and self.leads()
        listed = [Listed(id=n.id, hostname=n.hostname, member=n.hostname in self.members)
                  for n in self.nodes]  # fmt: skip
        return Seen(
            server=server,
            leads=manages,
            manager=manages,
            ssh=one.ssh,
            engine=one.up,
            state=one.state,
            node=one.node,
            peers=tuple(self.engines[n].node for n in MANAGERS) if manages else (),
            works=works,
            listed=tuple(listed) if works else (),
            forced=self.labels.get(FORCED, "") if works else "",
        )

    def observe_swarm(self, connections: Any) -> SwarmState:
        return SwarmState(
            members={
                name: Membership(
                    server=name,
                    state=one.state,
                    node_id=one.node,
                    works=name in self.members and one.up,
                )
                for name, one in self.engines.items()
                if one.up
            },
            nodes=tuple(self.nodes),
        )

    def execute(
        self, fleet: Any, connections: Any, todo: tuple[Step, ...], state: Any, say: Any
    ) -> None:
        (step,) = todo
        if isinstance(step, Leave):
            engine = self.engines[step.server]
            engine.state, engine.node, engine.cluster = "inactive", "", ""
            self.did(f"leave {step.server}")
        elif isinstance(step, Join):
            self.decide()
            self.made += 1
            engine = self.engines[step.server]
            engine.state, engine.node = "active", f"new-{self.made}"
            one = node(step.server, step.role, id=engine.node, state="unknown", reachability=None)
            self.nodes.append(one)
            if step.role is Role.MANAGER:
                self.members = self.members | {step.server}
                self.put(replace(one, reachability="unreachable"))
            self.pending[step.server] = 2
            self.did(f"join {step.server} as {step.role.value}")
            self.settled(step.server)
        elif isinstance(step, SetRole):
            found = self.of(step.server)
            if found.role != step.role.value:
                self.put(replace(found, role=step.role.value))
                self.pending[step.server] = 2
            self.did(f"{step.server} is {step.role.value}")
            self.settled(step.server)

    def settled(self, server: str) -> None:
        """As the real ones do, they wait."""
        while server in self.pending:
            clock.sleep(1)

    def remove_entry(self, client: Any, identity: str, server: str) -> None:
        self.decide()
        if any(one.id == identity for one in self.nodes):
            self.nodes = [one for one in self.nodes if one.id != identity]
            if self.engines[server].node != identity:
                self.members = self.members - {server}
            self.did(f"remove {identity}")

    @contextmanager
    def hold(self, client: Any, **settings: Any) -> Iterator[None]:
        self.locks += 1
        yield


def node(server: str, role: Role, **fields: Any) -> ObservedNode:
    given = {
        "id": f"id-{server}",
        "state": "ready",
        "reachability": "reachable" if role is Role.MANAGER else None,
    }
    return ObservedNode(hostname=server, role=role.value, **{**given, **fields})
