"""`quorate recover server`: what is seen, what is chosen, and what its steps do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from quorate import backing, workflows
from quorate.backup import quiesce
from quorate.backup.jobs import decide, orders, ways
from quorate.backup.jobs.copies import Known
from quorate.backup.jobs.decide import Decision
from quorate.backup.jobs.making import forget_note
from quorate.backup.jobs.model import HOST
from quorate.backup.jobs.names import run_key
from quorate.backup.jobs.needs import Mount, Start
from quorate.backup.jobs.running import Ground, Round, run
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.model import Kind, Source
from quorate.deploy import record
from quorate.deploy.election import through_election
from quorate.deploy.facts import gather_facts
from quorate.deploy.swarm_setup import execute
from quorate.deploy.swarm_state import observe_swarm
from quorate.deploy.swarm_steps import Forget, Join, Leave, SetRole
from quorate.deploy.swarm_steps import steps as swarm_steps
from quorate.errors import (
    CommandError,
    DeployError,
    MachineError,
    NoQuorumError,
    RefusedError,
)
from quorate.fleet.model import Server
from quorate.observe.targets import target_of
from quorate.observe.whereabouts import where_now
from quorate.recover.carrying import Action
from quorate.recover.server import refuse
from quorate.recover.server import steps as chosen_steps
from quorate.recover.server.holding import How, held, released
from quorate.recover.server.lost import Lost, chosen
from quorate.recover.server.onto import remapped
from quorate.recover.server.sight import Machine, Sight
from quorate.recover.telling import Telling
from quorate.tools import clock, ssh

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from quorate.recover.model import Facts, Journal, Operation
    from quorate.recover.site import Site
    from quorate.tools.docker import DockerClient

TARGET = "/target"
"""Where the volume that is restored into is mounted in the job."""
START_SECONDS = 300.0
POLL_SECONDS = 0.5
SSH_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for. `onto`: another server of the fleet file; empty: a new machine under the
    lost one's name."""

    name: str
    onto: str = ""
    unproven: bool = False
    without: tuple[str, ...] = ()


def choose(site: Site, wish: Wish) -> Operation:
    """Look at the swarm, both machines and the copies; the steps, or why not.

    Raises:
        RefusedError: the server lives, there is no quorum, no room, or no copy that will do.
        UsageError, UnreachableError, EngineError: as what is looked at.
    """
    try:
        seen = sight(site, wish.name, wish.onto or wish.name)
    except NoQuorumError as error:
        raise RefusedError(
            f"the swarm has no quorum, so it cannot take {wish.name} out; nothing was changed",
            cause=error.cause,
            todo="`quorate recover quorum` first",
        ) from error
    refuse.require_known(seen)
    refuse.require_gone(seen)
    refuse.require_quorum(seen)
    refuse.require_replacement(seen)
    known = _copies(site)
    now = clock.now()
    choice = chosen(seen, known, now=now, unproven=wish.unproven, without=wish.without)
    return chosen_steps.operation(seen, choice, now=now)


def sight(site: Site, name: str, target: str) -> Sight:
    """What is seen of a server that is said to be lost, and of what replaces it.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    client = site.client()
    snapshot = site.snapshot()
    homes = record.known_homes(client, fleet=site.fleet.name)
    wanted = {server for server in (name, target) if _has(site, server)}
    answers = site.connections.each(_machine, wanted)
    return Sight(
        fleet=site.fleet,
        name=name,
        target=target,
        nodes=snapshot.nodes,
        homes=homes,
        running=where_now(site.fleet, snapshot),
        old=answers.results.get(name),
        new=answers.results.get(target),
        ssh=name in wanted and name not in answers.results and _ssh(site.fleet.server(name)),
        memory_scale=site.lab.memory_factor if site.lab else 1.0,
    )


def actions(site: Site, journal: Journal) -> Mapping[str, Action]:
    """What the steps of an operation do."""
    work = _Work(site, journal)
    found: dict[str, Action] = {}
    for step in journal.operation.steps:
        kind, colon, what = step.id.partition(":")
        if step.id == chosen_steps.HOLD:
            found[step.id] = Action(do=work.hold, undo=work.let_go)
        elif colon:
            does = {"make": work.make, "fill": work.fill, "restore": work.restore}[kind]
            found[step.id] = Action(do=partial(does, what))
        else:
            found[step.id] = Action(do=getattr(work, kind))
    return found


class _Work:
    """The steps of one operation. Each looks first, and does what is missing."""

    def __init__(self, site: Site, journal: Journal) -> None:
        facts = journal.operation.facts
        self.site = site
        self.id = journal.id
        self.name, self.target = str(facts["name"]), str(facts["target"])
        self.holding = {name: How(how) for name, how in facts["hold"].items()}
        self.lost = {one["source"]: Lost.model_validate(one) for one in facts["lost"]}
        self.begun = datetime.fromisoformat(facts["begun"])
        self.dead = frozenset(facts["dead"])
        self.fleet = remapped(site.fleet, self.name, self.target)
        self.opened = workflows.Opened(fleet=self.fleet, lab=site.lab)

    def hold(self, facts: Facts) -> None:
        """Nothing starts on the new machine, or writes into an empty database, before its time."""
        del facts
        client = self.site.client()
        for name, how in self.holding.items():
            change = partial(self._held, how)
            through_election(partial(quiesce.change, client, name, change), self.site.report.note)

    def let_go(self, facts: Facts) -> None:
        del facts
        self._let_go(self.holding)

    def forget(self, facts: Facts) -> None:
        """The dead entry goes; a manager's is demoted first."""
        del facts
        state = observe_swarm(self.site.connections)
        todo = tuple(
            Forget(server=self.name, node_id=node.id, was_manager=node.role == "manager")
            for node in state.nodes
            if node.id in self.dead and not node.ready
        )
        execute(self.fleet, self.site.connections, todo, state, self.site.report.note)

    def join(self, facts: Facts) -> Facts:
        """The replacement joins in its role; one that is in the swarm already stays as it is."""
        del facts
        self.site.manager()
        connections = self.site.connections
        state = observe_swarm(connections)
        todo = tuple(
            step
            for step in swarm_steps(self.fleet, state)
            if step.server == self.target and isinstance(step, Leave | Join | SetRole)
        )
        execute(self.fleet, connections, todo, state, self.site.report.note)
        node = next(n for n in self.site.snapshot().nodes if n.hostname == self.target and n.ready)
        return {"node": node.id}

    def make(self, repository: str, facts: Facts) -> None:
        """A repository's directory, and an empty repository in it."""
        del facts
        found = self.fleet.backup.repository(repository)
        _directory(self.fleet.server(self.target), found.path)
        with self._ground() as ground:
            forget_note(ground.door, self.site.fleet.backup.repository(repository))
            decision = decide.creations(ground.scene, [found], due=self.begun)
            _require(run(ground, decision))

    def restore(self, source: str, facts: Facts) -> Facts:
        """One copy goes to where it lived; the job compares it with its manifest."""
        del facts
        lost = self.lost[source]
        with self._ground() as ground:
            began = clock.monotonic()
            if lost.kind is Kind.VOLUME:
                _require(run(ground, _one(self._into_volumes(ground.scene, lost))))
            elif lost.kind is Kind.GITLAB:
                _require(run(ground, _one(self._into_gitlab(ground.scene, lost))))
            else:
                self._into_database(ground, lost)
            return {f"restored {source}": round(clock.monotonic() - began, 1)}

    def start(self, facts: Facts) -> None:
        """The databases start on the replacement, empty, and nothing else that is held."""
        del facts
        names = [self.fleet.service(one.service) for one in self._databases()]
        self._let_go([service.swarm_name for service in names], home=self.target)
        for service in names:
            self._wait(service.swarm_name)

    def home(self, facts: Facts) -> Facts:
        """Everything as `up` has it: what is held, labels, pools, what had fled."""
        del facts
        result = workflows.up(
            self.opened,
            workflows.UpOptions(locked=True),
            report=self.site.report,
            confirm=lambda seen: True,
            started=clock.now(),
        )
        if result.failures:
            raise DeployError(
                f"{', '.join(one.swarm_name for one in result.failures)} did not become healthy",
                cause=result.failures[0].why,
                todo="see `quorate logs`, mend it, then `quorate operations resume`",
            )
        self._let_go(self.holding)  # none is held any more, but for what somebody took out
        return {"home": clock.now().isoformat()}

    def verify(self, facts: Facts) -> Facts:
        """Whoever uses the data runs, on the replacement."""
        del facts
        running = where_now(self.fleet, self.site.snapshot())
        users = {name for one in self.lost.values() for name in one.services}
        users &= {service.id for service in self.fleet.swarm_services()}
        missing = sorted(name for name in users if self.target not in running.get(name, ()))
        if missing:
            raise DeployError(
                f"{', '.join(missing)} does not run on {self.target}",
                todo="see `quorate status --deep`, mend it, then `quorate operations resume`",
            )
        return {"verified": clock.now().isoformat()}

    def fill(self, repository: str, facts: Facts) -> None:
        """Copies that others have go into a repository that was made anew."""
        del facts
        with self._ground() as ground:
            known = backing.read(ground)
            counts = {
                one.name: sum(c.repository == one.name and c.complete for c in known.snapshots)
                for one in self.fleet.backup.repositories
                if one.name != repository
            }
            origin = max(counts, key=lambda name: counts[name])
            if not counts[origin]:
                self.site.report.note(f"no other repository has a copy to fill {repository} with")
                return
            due = run_key(f"refill:{origin}>{repository}", self.begun)
            start = orders.copy_start(ground.scene, origin, repository, server=self.target, run=due)
            _require(run(ground, _one(start)))

    def _ground(self) -> AbstractContextManager[Ground]:
        return backing.ground_of(self.opened, Telling(self.site.report), volumes=True)

    def _databases(self) -> list[Lost]:
        return [one for one in self.lost.values() if one.restored and one.database]

    def _held(self, how: How, one: Mapping[str, Any]) -> dict[str, Any]:
        return held(one["Spec"], self.id, how, self.target)

    def _let_go(self, names: Collection[str], home: str = "") -> None:
        client = self.site.client()

        def change(one: Mapping[str, Any]) -> dict[str, Any] | None:
            return released(one["Spec"], self.target, home)

        for name in names:
            through_election(partial(quiesce.change, client, name, change), self.site.report.note)

    def _wait(self, name: str) -> None:
        deadline = clock.monotonic() + START_SECONDS
        while True:
            seen = self.site.snapshot()
            service = seen.service(name)
            tasks = seen.running(service) if service else ()
            nodes = [seen.node(task.node_id) for task in tasks]
            if any(node is not None and node.hostname == self.target for node in nodes):
                return
            if clock.monotonic() > deadline:
                raise MachineError(
                    f"{name} has not started on {self.target} within {START_SECONDS:.0f} s",
                    todo=f"see `quorate logs {name}`, then `quorate operations resume`",
                )
            clock.sleep(POLL_SECONDS)

    def _told(self, lost: Lost) -> dict[str, Any]:
        assert lost.copy_used is not None
        return {"source": lost.source, "kind": lost.kind, "snapshot": lost.copy_used.id}

    def _start(self, scene: Scene, lost: Lost, told: Mapping[str, Any], turn: str = "") -> Start:
        assert lost.copy_used is not None
        key = run_key(f"recover:{lost.source}{turn}>{self.target}", self.begun)
        return orders.restore_start(
            scene,
            lost.copy_used.repository,
            server=self.target,
            run=key,
            told={**self._told(lost), **told},
        )

    def _into_volumes(self, scene: Scene, lost: Lost) -> Start:
        """Over what an earlier try has left: the machine had no such volume when it was chosen."""
        (volume,) = lost.volumes
        bind = volume.startswith("/")
        path = f"{HOST}{volume}" if bind else TARGET
        mount = Mount(
            source="/" if bind else volume, target=HOST if bind else TARGET, volume=not bind
        )
        start = self._start(scene, lost, {"in_place": True, "target_path": path})
        return _mounting(start, mount)

    def _into_gitlab(self, scene: Scene, lost: Lost) -> Start:
        told = {"in_place": True, "container": ways.pattern(self.fleet.service(lost.service))}
        return ways.with_engine(self._start(scene, lost, told))

    def _into_database(self, ground: Ground, lost: Lost) -> None:
        """Into the empty server, roles and all; over what a killed try has left in it."""
        source = Source(id=lost.source, kind=lost.kind, service=lost.service)
        service = self.fleet.service(lost.service)
        way = ways.into_database(ground.scene, source, service, self.target)
        first = self._start(ground.scene, lost, {"target": way.opened.reach})
        try:
            _require(run(ground, _one(way.added_to(first))))
        except RefusedError as error:
            self.site.report.note(f"{lost.source}: {error.what}; restoring over it")
            told = {"reach": way.opened.reach, "in_place": True}
            again = self._start(ground.scene, lost, told, ":again")
            _require(run(ground, _one(way.added_to(again))))


def _one(start: Start) -> Decision:
    return Decision(starts=(start,))


def _mounting(start: Start, mount: Mount) -> Start:
    return replace(start, mounts=(*start.mounts, mount))


def _require(came: Round) -> None:
    """Raises what stood in the way of a job, or what it ended with."""
    for refused in came.refused:
        raise refused.error
    for outcome in came.outcomes:
        if outcome.error is not None:
            raise outcome.error


def _copies(site: Site) -> Known:
    """The copies that the repositories which answer tell of; a fleet without any has none."""
    if not site.fleet.backup.repositories:
        return Known()
    opened = workflows.Opened(fleet=site.fleet, lab=site.lab)
    with backing.ground_of(opened, Telling(site.report)) as ground:
        return backing.read(ground)


def _machine(server: Server, client: DockerClient) -> Machine:
    facts = gather_facts(server, client)
    listed = client.api.volumes().get("Volumes") or ()
    return Machine(
        node=facts.swarm.node_id,
        memory=facts.memory,
        disk=facts.disk_free,
        volumes=frozenset(str(volume["Name"]) for volume in listed),
    )


def _has(site: Site, name: str) -> bool:
    return any(server.name == name for server in site.fleet.servers)


def _ssh(server: Server) -> bool:
    """Whether anything answers ssh there."""
    try:
        ssh.run(target_of(server), ["true"], timeout=SSH_SECONDS)
    except MachineError:
        return False
    return True


def _directory(server: Server, path: str) -> None:
    """See that a repository's directory is there, private to root.

    Raises:
        UnreachableError, CommandError: it cannot be made.
    """
    target = target_of(server)
    script = 'test -d "$1" || mkdir -m 700 -p "$1" 2>/dev/null || sudo -n mkdir -m 700 -p "$1"'
    try:
        ssh.run(target, ["sh", "-c", script, "sh", path], timeout=SSH_SECONDS)
    except CommandError as error:
        raise MachineError(
            f"the directory {path} could not be made on {server.name}",
            cause=error.cause,
            todo=f"make it there: `mkdir -m 700 -p {path}`, then `quorate operations resume`",
        ) from error
