"""What the steps do by which a server comes, goes, or changes its role.

Each looks first: done already, it does nothing. The fleet file is read anew, as a step changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from quorate.deploy.election import through_election
from quorate.deploy.labels import label_joined
from quorate.deploy.swarm_setup import SWARM_PORT, execute, remove_entry, update_node
from quorate.deploy.swarm_state import observe_swarm
from quorate.deploy.swarm_steps import Join, SetRole, Step
from quorate.errors import CheckError, EngineError, UsageError
from quorate.fleet.check import check
from quorate.fleet.imports.edit import with_role, with_server, without_server
from quorate.fleet.model import Fleet, Role
from quorate.fleet.observed import ObservedNode, Snapshot
from quorate.fleet.problems import Severity
from quorate.fleet.read import read_fleet
from quorate.lab import up as lab_up
from quorate.lab.state import load
from quorate.observe.connect import Connections
from quorate.observe.snapshot import observe
from quorate.recover.carrying import Action
from quorate.recover.membership import bare, look
from quorate.recover.membership.choose import ADD, REMOVE, check_back
from quorate.recover.model import Facts, Journal
from quorate.recover.quorum.running import judge
from quorate.recover.site import Site
from quorate.tools import clock, docker, wholefile

DRAIN_SECONDS, LEAVE_SECONDS, POLL_SECONDS = 300.0, 60.0, 1.0
UNCOUNTED_SECONDS = 60.0


def actions(site: Site, journal: Journal) -> Mapping[str, Action]:
    """What each step of a `server …` does, and undoes."""
    work = _Work(site, journal.operation.kind)
    return {step.id: work.action(step.id) for step in journal.operation.steps}


class _Work:
    """The steps of one change."""

    def __init__(self, place: Site, kind: str) -> None:
        self.place = place
        self.kind = kind

    def action(self, step: str) -> Action:
        """What a step does."""
        verb, _, server = step.partition("-")
        if verb == "promote":
            return Action(
                do=lambda facts: self._role(server, Role.MANAGER),
                undo=lambda facts: self._role(server, Role.WORKER),
            )
        if verb == "demote":
            return Action(
                do=lambda facts: self._role(server, Role.WORKER),
                undo=lambda facts: self._role(server, Role.MANAGER, back=True),
            )
        known: Mapping[str, tuple[Callable[[Facts], None], Callable[[Facts], None] | None]] = {
            "file": (self.file, self.file_back),
            "drain": (self.drain, self.undrain),
            "leave": (self.leave, self.rejoin),
            "machine": (self.machine, None),
            "engine": (self.engine, None),
            "firewall": (self.firewall, None),
            "join": (self.join, self.unjoin),
            "labels": (self.labels, None),
        }
        do, undo = known[verb]

        def done(facts: Facts) -> None:
            do(facts)

        check_back = self.check_unjoin if verb == "join" else None
        return Action(do=done, undo=undo, check_back=check_back)

    def file(self, facts: Facts) -> None:
        """Change the fleet file; refused where it could not be read any more."""
        self._write(facts, back=False)

    def file_back(self, facts: Facts) -> None:
        """As it was before, as far as these servers go."""
        self._write(facts, back=True)

    def _write(self, facts: Facts, *, back: bool) -> None:
        path = self.place.fleet.path
        text = path.read_text(encoding="utf-8")
        after = self._edited(text, facts, back=back)
        if after == text:
            return
        report = check(path, drafts={path: after})
        problems = [str(p) for p in report.problems if p.severity is Severity.ERROR]
        if problems:
            raise CheckError(
                f"{path} was not changed: with the change it has {len(problems)} problems",
                problems=problems,
            )
        try:
            wholefile.replace_text(path, after)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from error
        self._tell_lab()

    def _edited(self, text: str, facts: Facts, *, back: bool) -> str:
        there = {server.name for server in self._read().servers}
        for name in facts.get("up", ()):
            text = with_role(text, name, (Role.WORKER if back else Role.MANAGER).value)
        if self.kind in (ADD, REMOVE):
            name = str(facts["server"])
            comes = (self.kind == ADD) is not back
            if comes and name not in there:
                return with_server(text, name, str(facts["entry"]))
            return without_server(text, name) if not comes and name in there else text
        for name in facts.get("down", ()):
            text = with_role(text, name, (Role.MANAGER if back else Role.WORKER).value)
        return text

    def _tell_lab(self) -> None:
        """The lab's override is of the servers that the file has; nodes run on, as machines do."""
        if self.place.lab is not None:
            lab = load(self.place.fleet.path)
            names = {server.name for server in read_fleet(self.place.fleet.path).servers}
            kept = tuple(node for node in lab.nodes if node.server in names)
            lab_up.write_override(lab.model_copy(update={"nodes": kept}))

    def machine(self, facts: Facts) -> None:
        """Have the lab make what is missing."""
        lab_up.bring_up(read_fleet(self.place.fleet.path))

    def engine(self, facts: Facts) -> None:
        """Install Docker where it is missing, and start it."""
        with self._server(facts) as (connections, _):
            bare.install_engine(connections.fleet.server(str(facts["server"])))

    def firewall(self, facts: Facts) -> None:
        """Let the new server and the others reach each other."""
        with self._server(facts) as (connections, _):
            fleet, name = connections.fleet, str(facts["server"])
            every = [server.name for server in fleet.servers]
            for walled in facts["firewalled"]:
                bare.open_wall(fleet, walled, every if walled == name else [name])

    def join(self, facts: Facts) -> None:
        """Join; what is left of a former membership is removed."""
        name = str(facts["server"])
        with self._server(facts) as (connections, role):
            state = observe_swarm(connections)
            own = state.members.get(name)
            if own is not None and any(n.id == own.node_id and n.ready for n in state.nodes):
                return
            for node in state.nodes:
                if node.hostname == name:
                    remove_entry(connections.manager().client, node.id, name)
            step = Join(server=name, role=role)
            execute(connections.fleet, connections, (step,), state, self.place.report.note)

    def rejoin(self, facts: Facts) -> None:
        """Join again, with the labels it had."""
        self.join(facts)
        self.labels(facts)

    def leave(self, facts: Facts) -> None:
        """Leave, and be forgotten. A server that does not answer is forgotten only."""
        name = str(facts["server"])
        with self._server(facts) as (connections, _):
            state = observe_swarm(connections)
            own = state.members.get(name)
            if own is not None and own.state != "inactive":
                with docker.translated(f"{name} could not leave the swarm"):
                    connections.client(name).api.leave_swarm(force=True)
            manager = connections.manager().client
            for node in observe(manager).nodes:
                if node.hostname == name:
                    remove_entry(manager, node.id, name)

    def check_unjoin(self, facts: Facts) -> None:
        """See that nothing uses the server that was added.

        Raises:
            RefusedError: something does.
        """
        name = str(facts["server"])
        with self._server(facts) as (connections, role):
            server = next((s for s in connections.fleet.servers if s.name == name), None)
            if server is None:
                return
            members, _ = look.members(connections)
            seen = observe(connections.manager().client)
            leaving = look.leaving(connections, server, seen)
            check_back(members, leaving, manager=role is Role.MANAGER)

    def unjoin(self, facts: Facts) -> None:
        """Leave again, once nothing runs there, and no majority counts on it."""
        name = str(facts["server"])
        listed = [node for node in self._seen().nodes if node.hostname == name]
        if any(node.ready for node in listed):
            self.drain(facts)
        if any(node.reachability is not None for node in listed):
            self._role(name, Role.WORKER)
        self.leave(facts)

    def drain(self, facts: Facts) -> None:
        """Drain, and wait until nothing runs there and everything runs elsewhere."""
        name = str(facts["server"])
        node = self._node(name)
        before = set(judge(self._seen()).waiting)
        self._availability(node, "drain")
        deadline = clock.monotonic() + DRAIN_SECONDS
        while True:
            seen = self._seen()
            here = [t for s in seen.services for t in seen.running(s) if t.node_id == node.id]
            waiting = {n: w for n, w in judge(seen).waiting.items() if n not in before}
            if not here and not waiting:
                return
            if clock.monotonic() > deadline:
                said = "; ".join(f"{n}: {w}" for n, w in waiting.items())
                raise EngineError(
                    f"{name} was not empty after {DRAIN_SECONDS:.0f} s",
                    cause=said or f"{len(here)} tasks are still there",
                    todo="`quorate operations resume` waits on"
                    + (", `quorate operations undo` lets it have its tasks again")
                    * (self.kind == REMOVE),
                )
            clock.sleep(POLL_SECONDS)

    def undrain(self, facts: Facts) -> None:
        """Let it have tasks again."""
        self._availability(self._node(str(facts["server"])), "active")

    def labels(self, facts: Facts) -> None:
        """Its own, and those of the last deployment where it had some."""
        name = str(facts["server"])
        with self._server(facts) as (connections, _):
            label_joined(connections.manager().client, connections.fleet, name)

    @contextmanager
    def _server(self, facts: Facts) -> Iterator[tuple[Connections, Role]]:
        """Connections to the fleet with the server in it, whether the file has it or not."""
        self.place.guard()
        fleet = self._read()
        name = str(facts["server"])
        if name not in {server.name for server in fleet.servers}:
            fleet = self.place.fleet
        role = Role(str(facts.get("role") or Role.WORKER.value))
        with Connections(fleet) as connections:
            yield connections, role

    def _read(self) -> Fleet:
        fleet = read_fleet(self.place.fleet.path)
        if self.place.lab is None:
            return fleet
        lab = load(self.place.fleet.path)
        if {server.name for server in fleet.servers} <= {node.server for node in lab.nodes}:
            return read_fleet(self.place.fleet.path, override=lab.override)
        return fleet  # the lab is about to make the new one

    def _role(self, server: str, role: Role, *, back: bool = False) -> None:
        """Give a server a role, and see that it has it: a kill may have come in between.

        One that does not answer has its role taken; `back`: or is to have it, once it answers.
        """
        node = self._node(server)
        if _has(node, role) or (role is Role.WORKER and self._in_name_only(node)):
            return
        with self._with(server) as connections:
            state = observe_swarm(connections)
            if server in state.members:
                step: Step = SetRole(server=server, node_id=node.id, role=role)
                execute(connections.fleet, connections, (step,), state, self.place.report.note)
                return
            if role is Role.MANAGER and not back:
                raise state.unreachable.get(server) or EngineError(
                    f"{server} is not in {self.place.fleet.path}"
                )
        update_node(self.place.client(), node.id, lambda spec: spec | {"Role": role.value})
        if role is Role.WORKER:
            self._wait_uncounted(node)

    def _in_name_only(self, node: ObservedNode) -> bool:
        """Whether a node is to be a manager and raft does not count it: nothing is taken from it.

        Raises:
            EngineError: it is up, and would be one later: Swarm refuses to take that back.
        """
        if node.role != Role.MANAGER.value or node.reachability is not None:
            return False
        if node.ready:
            raise EngineError(
                f"{node.hostname} is to be a manager, and has not become one: until then Swarm "
                "does not make it a worker again",
                todo=f"let it reach port {SWARM_PORT}/tcp of the managers, and them its own; then "
                "`quorate operations resume`",
            )
        self.place.report.note(f"{node.hostname} is lost to the swarm: it has no role to lose")
        return True

    def _wait_uncounted(self, node: ObservedNode) -> None:
        """Until a node whose engine cannot be asked is no manager, by those that are."""
        deadline = clock.monotonic() + UNCOUNTED_SECONDS
        while any(n.id == node.id and n.reachability is not None for n in self._seen().nodes):
            if clock.monotonic() > deadline:
                raise EngineError(
                    f"{node.hostname} still counts as a manager after {UNCOUNTED_SECONDS:.0f} s",
                    todo="see `quorate status`; then `quorate operations resume`",
                )
            clock.sleep(POLL_SECONDS)

    @contextmanager
    def _with(self, server: str) -> Iterator[Connections]:
        """Connections with a server among them, which the file may have had not when opened."""
        if server in {one.name for one in self.place.fleet.servers}:
            self.place.manager()
            yield self.place.connections
            return
        with Connections(self._read()) as connections:
            yield connections

    def _seen(self) -> Snapshot:
        return through_election(lambda: observe(self.place.client()), self.place.report.note)

    def _node(self, server: str) -> ObservedNode:
        found = [node for node in self._seen().nodes if node.hostname == server]
        if not found:
            raise EngineError(f"the swarm does not list {server}", todo="see `quorate status`")
        return max(found, key=lambda node: (node.ready, node.reachability is not None))

    def _availability(self, node: ObservedNode, value: str) -> None:
        update_node(self.place.client(), node.id, lambda spec: spec | {"Availability": value})


def _has(node: ObservedNode, role: Role) -> bool:
    """Whether a node has a role: raft reaches it, or counts it no more."""
    if node.role != role.value:
        return False
    if role is Role.WORKER:
        return node.reachability is None
    return node.ready and node.reachability == "reachable"
