"""What the steps of a quorum's recovery do. Each looks first, and does what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from quorate.deploy import record
from quorate.deploy.election import through_election
from quorate.deploy.labels import label_changes, set_labels
from quorate.deploy.lock import Settings, hold
from quorate.deploy.swarm_setup import SWARM_PORT, execute, remove_entry, settings_of
from quorate.deploy.swarm_state import Membership, SwarmState, membership, observe_swarm
from quorate.deploy.swarm_steps import Join, Leave, SetRole, Step
from quorate.errors import EngineError, QuorateError
from quorate.fleet.model import Role
from quorate.fleet.observed import ObservedNode
from quorate.observe.connect import Manager
from quorate.observe.snapshot import observe
from quorate.recover.carrying import Action
from quorate.recover.model import Facts, Journal, State
from quorate.recover.quorum import engines
from quorate.recover.quorum.again import to_force
from quorate.recover.quorum.choose import KIND, no_leader
from quorate.recover.quorum.look import FORCED, look
from quorate.recover.quorum.model import ACTIVE, ERROR, PENDING, Sight
from quorate.recover.quorum.verify import verify
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.recover.site import Site
    from quorate.tools.docker import DockerClient

ELECT_SECONDS = 240.0
FORCED_SECONDS = 120.0
FRESH_SECONDS = 120.0
"""What was seen no longer ago than this holds: another look takes 20 s, while nothing works."""
SETTLE_SECONDS = 15.0
"""Without a leader an engine takes 18 s to answer: that is waited for once."""
READY_SECONDS = 90.0
MANAGER_SECONDS = 60.0
POLL_SECONDS = 1.0
LOCK_SECONDS = 120.0
COMING = (ACTIVE, PENDING)


def actions(site: Site, journal: Journal) -> Mapping[str, Action]:
    """What each step of a `recover quorum` does."""
    work = _Work(site, journal)
    return {step.id: _action(work, step.id) for step in journal.operation.steps}


def _action(work: _Work, step: str) -> Action:
    verb, _, server = step.partition("-")
    of_server = {"start": work.start, "halt": work.halt, "rejoin": work.rejoin}
    of_all: Mapping[str, Callable[[Facts], Facts | None]] = {
        "elect": work.elect,
        "force": work.force,
        "instead": work.instead,
        "roles": work.roles,
        "labels": work.labels,
        "verify": work.verify,
    }

    def do(facts: Facts) -> Facts | None:
        work.facts = facts
        if verb in of_server:
            of_server[verb](server)
            return None
        return of_all[verb](facts)

    back = (lambda facts: work.start(server)) if verb == "halt" else None
    return Action(do=do, undo=back)


class _Work:
    """The steps of one recovery."""

    def __init__(self, place: Site, journal: Journal) -> None:
        self.place = place
        self.facts: Facts = journal.facts
        self.way = str(journal.facts.get("way"))
        self.resumed = journal.of("force") is State.BEGUN

    def start(self, server: str) -> None:
        """Start its engine; one whose swarm has failed is stopped before."""
        client = engines.answering(self.place, server)
        if client is not None and membership(server, _swarm_of(client)).state == ERROR:
            engines.stop(self.place, server)
        engines.start(self.place, server)

    def halt(self, server: str) -> None:
        """Stop its engine."""
        engines.stop(self.place, server)

    def elect(self, facts: Facts) -> Facts:
        """Wait until a manager has a leader."""
        deadline = clock.monotonic() + ELECT_SECONDS
        connections = self.place.connections
        while True:
            connections.renew(self._names())
            state = observe_swarm(connections)
            if state.nodes:
                works = next(m.server for m in state.members.values() if m.works)
                return {"survivor": works}
            if clock.monotonic() > deadline:
                seen = [one for one in look(connections).servers if one.manager and one.answers]
                raise no_leader(seen)
            clock.sleep(POLL_SECONDS)

    def force(self, facts: Facts) -> None:
        """Force a new cluster; done already where it works and has this one's mark.

        Raises:
            RefusedError: the swarm works again, or may, with what has come back meanwhile.
        """
        client = engines.wait(self.place, facts["survivor"])
        age = clock.now() - datetime.fromisoformat(facts["forced"])
        fresh = not self.resumed and age.total_seconds() <= FRESH_SECONDS
        if self.resumed:
            self._settle(client)
        if fresh or to_force(self._sight(), facts):
            self._init(client, facts)
        if _mark(client) != facts["forced"]:
            _put_mark(client, facts["forced"])

    def _sight(self) -> Sight:
        self.place.connections.renew()
        return look(self.place.connections, logs=False)

    def _settle(self, client: DockerClient) -> None:
        """Let an engine finish what it was at when the last try was killed, if it was."""
        deadline = clock.monotonic() + SETTLE_SECONDS
        while not _works(_swarm_of(client)) and clock.monotonic() < deadline:
            clock.sleep(POLL_SECONDS)

    def _init(self, client: DockerClient, facts: Facts) -> None:
        server, settings = facts["survivor"], self.place.fleet.swarm
        spec = settings_of({}, settings.heartbeat, settings.task_history)
        try:
            client.api.init_swarm(
                advertise_addr=facts["address"] or None,
                listen_addr=f"0.0.0.0:{SWARM_PORT}",
                force_new_cluster=True,
                swarm_spec={**spec, "Labels": {FORCED: facts["forced"]}},
            )
        except docker.engine_errors() as error:
            # The engine goes on by itself where the call took too long: waiting decides.
            self.place.report.note(f"{server}: {docker.words(error)}")
        deadline = clock.monotonic() + FORCED_SECONDS
        while not _works(_swarm_of(client)):
            if clock.monotonic() > deadline:
                raise EngineError(
                    f"no new cluster came up on {server}",
                    cause=str(_swarm_of(client).get("Error") or "") or None,
                    todo=f"on {server}: `journalctl -u docker -n 50` says why; "
                    "then `quorate operations resume`",
                )
            clock.sleep(POLL_SECONDS)

    def rejoin(self, server: str) -> None:
        """Have a server leave what it was in, and join."""
        engines.start(self.place, server)
        with self._locked():
            state = self._state()
            own = state.members.get(server)
            role = self.place.fleet.server(server).role
            if own is not None and self._comes_in(own, role):
                return
            # Not asked again: without a leader an engine takes 18 s to answer.
            if own is None or own.state != "inactive":
                self._take(state, Leave(server=server))
            for node in state.nodes:
                if node.hostname == server:
                    self._remove(node)
            self._take(state, Join(server=server, role=role))

    def instead(self, facts: Facts) -> None:
        """Make workers managers."""
        for server in facts["instead"]:
            self._give(server, Role.MANAGER)

    def roles(self, facts: Facts) -> None:
        """Managers first, so that there are never fewer than wanted."""
        with self._locked():
            for names, role in (
                (facts["promote"], Role.MANAGER),
                (facts["demote"], Role.WORKER),
            ):
                for server in names:
                    self._give(server, role)

    def labels(self, facts: Facts) -> Facts:
        """Put the labels on that the last deployment gave; the fleet file's where there is none."""

        def put() -> int:
            client = self._manager().client
            last = record.last_applied(client, fleet=self.place.fleet.name)
            own = {server.name: server.labels for server in self.place.fleet.servers}
            wanted = last.labels if last is not None and last.labels else own
            changes = label_changes(observe(client).nodes, wanted)
            set_labels(client, changes)
            return len(changes)

        return {"labelled": through_election(put, self.place.report.note)}

    def verify(self, facts: Facts) -> Facts:
        """Wait until everything runs and answers."""
        self.place.connections.renew(facts.get("back", ()))
        return {"verified": verify(self.place, self._manager).model_dump(mode="json")}

    def _names(self) -> list[str]:
        """Servers that answered when this was decided, and those that were started."""
        return [*self.facts.get("restarted", ()), *(s.name for s in self.place.fleet.managers)]

    def _manager(self) -> Manager:
        """A manager of the swarm that counts: the survivor first, then the others."""
        deadline = clock.monotonic() + MANAGER_SECONDS
        while (found := self._working()) is None:
            if clock.monotonic() > deadline:
                raise EngineError(
                    "no manager of the swarm answers",
                    todo="see `quorate status`; then `quorate operations resume`",
                )
            clock.sleep(POLL_SECONDS)
        return found

    def _working(self) -> Manager | None:
        mark = str(self.facts.get("forced") or "")
        first = str(self.facts.get("survivor") or "")
        for server in sorted(self.place.fleet.servers, key=lambda server: server.name != first):
            try:
                client = self.place.connections.client(server.name)
                if _works(_swarm_of(client)) and (not mark or _mark(client) == mark):
                    return Manager(server=server, client=client)
            except QuorateError:
                continue
        return None

    def _nodes(self) -> tuple[ObservedNode, ...]:
        return through_election(lambda: observe(self._manager().client), self._say).nodes

    def _state(self) -> SwarmState:
        """All servers' views; only those count as working that the swarm itself lists."""
        state = observe_swarm(self.place.connections)
        manager = self._manager()
        nodes = observe(manager.client).nodes
        listed = {node.id for node in nodes if node.reachability == "reachable"}
        members = {
            name: replace(member, works=member.works and member.node_id in listed)
            for name, member in state.members.items()
        }
        return replace(state, members=members, nodes=nodes)

    def _take(self, state: SwarmState, step: Step) -> None:
        execute(self.place.fleet, self.place.connections, (step,), state, self._say)

    def _give(self, server: str, role: Role) -> None:
        """Give a server a role, and wait until it has it: a kill may have come in between."""
        node = self._ready(server)
        if not _settled(node.id, (node,), role):
            self._take(self._state(), SetRole(server=server, node_id=node.id, role=role))

    def _comes_in(self, own: Membership, role: Role) -> bool:
        """Whether a server is in the swarm in its role; waited for where raft counts it already.

        It may have found in by itself, or its joining outlived a kill. One that left then would be
        missed by the others: of two managers, that is the majority.
        """
        deadline = clock.monotonic() + READY_SECONDS
        while True:
            nodes = self._nodes()
            if _settled(own.node_id, nodes, role):
                return True
            counts = any(n.id == own.node_id and n.reachability is not None for n in nodes)
            if own.state not in COMING or not counts or clock.monotonic() > deadline:
                return False
            clock.sleep(POLL_SECONDS)

    def _ready(self, server: str) -> ObservedNode:
        """Its node, once the swarm has it back."""
        deadline = clock.monotonic() + READY_SECONDS
        while True:
            found = [n for n in self._nodes() if n.hostname == server and n.ready]
            if found:
                return found[0]
            if clock.monotonic() > deadline:
                raise EngineError(
                    f"{server} did not come back to the swarm within {READY_SECONDS:.0f} s",
                    todo=f"on {server}: `systemctl restart docker`; then `quorate operations "
                    "resume`",
                )
            clock.sleep(POLL_SECONDS)

    def _remove(self, node: ObservedNode) -> None:
        remove_entry(self._manager().client, node.id, node.hostname)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The fleet's lock, where there was a swarm all the time and others may work on it."""
        if self.way != "return":
            with nullcontext():
                yield
            return
        settings = Settings(wait=LOCK_SECONDS, say=self._say)
        with hold(self._manager().client, what=f"quorate {KIND}", settings=settings):
            yield

    def _say(self, text: str) -> None:
        self.place.report.note(text)


def _settled(node_id: str, nodes: tuple[ObservedNode, ...], role: Role) -> bool:
    """Whether a node is in the swarm, in its role: raft reaches it, or counts it no more."""
    reached = "reachable" if role is Role.MANAGER else None
    return any(
        node.id == node_id
        and node.ready
        and node.role == role.value
        and node.reachability == reached
        for node in nodes
    )


def _swarm_of(client: DockerClient) -> Mapping[str, Any]:
    """What an engine says of its swarm.

    Raises:
        EngineError: it does not answer.
    """
    with docker.translated("the engine does not answer"):
        return dict(client.api.info().get("Swarm") or {})


def _works(swarm: Mapping[str, Any]) -> bool:
    return membership("", swarm).works


def _mark(client: DockerClient) -> str:
    """When the cluster that an engine manages was forced; "" for never, or where it has none."""
    try:
        with docker.translated("the swarm cannot be read"):
            found = client.api.inspect_swarm()
    except QuorateError:
        return ""
    return str(((found.get("Spec") or {}).get("Labels") or {}).get(FORCED) or "")


def _put_mark(client: DockerClient, forced: str) -> None:
    with docker.translated("the swarm could not be marked"):
        found = client.api.inspect_swarm()
        spec = dict(found["Spec"])
        spec["Labels"] = {**(spec.get("Labels") or {}), FORCED: forced}
        client.api.update_swarm(found["Version"]["Index"], swarm_spec=spec)
