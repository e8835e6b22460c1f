"""`quorate recover server`: what is seen, what is chosen, and what its steps do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from quorate import backing, workflows
from quorate.backup import quiesce
from quorate.backup.jobs import enumerating
from quorate.backup.jobs.copies import Known
from quorate.backup.jobs.running import Ground
from quorate.backup.policy.wal import receivers
from quorate.backup.wal import asking
from quorate.deploy import record
from quorate.deploy.election import through_election
from quorate.deploy.labels import label_joined
from quorate.deploy.settle import resting
from quorate.deploy.swarm_setup import execute
from quorate.deploy.swarm_state import observe_swarm
from quorate.deploy.swarm_steps import Forget, Join, Leave, SetRole
from quorate.deploy.swarm_steps import steps as swarm_steps
from quorate.errors import (
    DeployError,
    MachineError,
    NoQuorumError,
    QuorateError,
    RefusedError,
)
from quorate.image.recipe import image_name
from quorate.observe.connect import in_parallel
from quorate.observe.targets import target_of
from quorate.observe.whereabouts import where_now
from quorate.recover import keeping
from quorate.recover.carrying import Action, actions_of
from quorate.recover.membership import bare as machines
from quorate.recover.membership import look
from quorate.recover.server import refuse
from quorate.recover.server import steps as chosen_steps
from quorate.recover.server.fitting import with_plan
from quorate.recover.server.holding import How, held, released
from quorate.recover.server.lost import WITHOUT_LOG, Log, Lost, binds, chosen, lived_there
from quorate.recover.server.onto import remapped
from quorate.recover.server.sight import Sight
from quorate.recover.telling import Telling
from quorate.recover.unfinished import refuse_unfinished
from quorate.restoring import Restorer, as_engine, directory, have_image, machine_of, occupied
from quorate.tools import clock

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from quorate.recover.model import Facts, Journal, Operation
    from quorate.recover.site import Site

START_SECONDS = 900.0
"""How long a database may take to run (to be healthy, where it has a check): GitLab's first start
configures it, which takes minutes."""
POLL_SECONDS = 0.5


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
        LockedError: another operation is not over.
        RefusedError: the server lives, there is no quorum, no room, or no copy that will do.
        InfeasibleError: the fleet file has no placement, the lost server counted in.
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
    # Half of a recovery may have brought the server back into the swarm: it is not lost then.
    refuse_unfinished(site.fleet, site.lab, site.client())
    refuse.require_gone(seen)
    refuse.require_quorum(seen)
    refuse.require_replacement(seen)
    site.report.phase("planning")
    seen = with_plan(seen)
    known = _copies(site)
    now = clock.now()
    logs, unusable = _logs(site, seen)
    choice = chosen(seen, known, now=now, unproven=wish.unproven, without=wish.without, logs=logs)
    choice = replace(choice, warnings=(*choice.warnings, *unusable))
    return chosen_steps.operation(seen, choice, now=now)


def sight(site: Site, name: str, target: str) -> Sight:
    """What is seen of a server that is said to be lost, and of what replaces it.

    Raises:
        UnreachableError, EngineError: no manager answers.
        MachineError: the replacement does not tell what is in its directories.
    """
    client = site.client()
    snapshot = site.snapshot()
    homes = record.known_homes(client, fleet=site.fleet.name)
    wanted = {server for server in (name, target) if _has(site, server)}
    answers = site.connections.each(machine_of, wanted)
    quiet = [site.fleet.server(one) for one in sorted(wanted - answers.results.keys())]
    hosts = in_parallel(lambda server: look.machine(target_of(server), {}), quiet).results
    found = hosts.get(target)
    bare = found if found is not None and found.bare else None
    seen = Sight(
        fleet=site.fleet,
        name=name,
        target=target,
        nodes=snapshot.nodes,
        homes=homes,
        running=where_now(site.fleet, snapshot),
        old=answers.results.get(name),
        new=as_engine(bare) if bare is not None else answers.results.get(target),
        ssh=name in hosts,
        bare=bare,
        memory_scale=site.lab.memory_factor if site.lab else 1.0,
    )
    if seen.new is None:
        return seen
    paths = [path for one in lived_there(seen) for path in binds(one.source.volumes)]
    # A lab's nodes have no walls; who is in the swarm already is let through all of them.
    apart = site.lab is None and not seen.new.node
    return replace(
        seen,
        occupied=occupied(site.fleet.server(target), paths),
        walls=_walls(site) if apart else (),
    )


def actions(site: Site, journal: Journal) -> Mapping[str, Action]:
    """What the steps of an operation do."""
    return actions_of(journal.operation.steps, _Work(site, journal))


class _Work:
    """The steps of one operation. Each looks first, and does what is missing."""

    def __init__(self, site: Site, journal: Journal) -> None:
        facts = journal.operation.facts
        self.site = site
        self.journal, self.id = journal, journal.id
        self.name, self.target = str(facts["name"]), str(facts["target"])
        self.holding = {name: How(how) for name, how in facts["hold"].items()}
        self.lost = {one["source"]: Lost.model_validate(one) for one in facts["lost"]}
        self.begun = datetime.fromisoformat(facts["begun"])
        self.dead = frozenset(facts["dead"])
        bound = {name: tuple(at) for name, at in facts.get("bound", {}).items()}
        self.fleet = remapped(site.fleet, self.name, self.target, bound)
        self.opened = workflows.Opened(fleet=self.fleet, lab=site.lab)
        self.restorer = Restorer(fleet=self.fleet, begun=self.begun, note=site.report.note)

    def engine(self, facts: Facts) -> None:
        """A replacement that is bare has Docker; so far the fleet is as it was."""
        del facts
        machines.install_engine(self.fleet.server(self.target))

    def firewall(self, facts: Facts) -> None:
        """The replacement and the others are let through each other's walls."""
        every = [server.name for server in self.site.fleet.servers if server.name != self.name]
        for walled in facts["walls"]:
            others = every if walled == self.target else [self.target]
            machines.open_wall(self.site.fleet, walled, others)

    def image(self, facts: Facts) -> None:
        """Jobs run from Quorate's own image; so far nothing of the fleet is changed."""
        del facts
        name = image_name(self.fleet.backup)
        todo = (
            f"load it there, from a server that has it: `docker save {name} | ssh {self.target} "
            f"docker load` (`quorate backup image` says more); then `quorate operations resume`"
        )
        have_image(self.site, (self.target,), todo)

    def hold(self, facts: Facts) -> None:
        """Nothing starts on the new machine, or writes into an empty database, before its time."""
        del facts
        client = self.site.client()
        for name, how in self.holding.items():
            change = partial(self._held, how)
            through_election(partial(quiesce.change, client, name, change), self.site.report.note)

    def undo_hold(self, facts: Facts) -> None:
        """What was held goes on, once no restore is at its data: that outlives who began it."""
        del facts
        said: set[str] = set()
        while going := keeping.restores(self.site, self.journal):
            for job in going:
                if job.name not in said:
                    self.site.report.note(f"waiting for the {job.what} to end")
                said.add(job.name)
            clock.sleep(POLL_SECONDS)
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
        """The replacement joins in its role; one that is in the swarm already stays as it is.

        Its labels come at once: what starts before `home` may ask for them.
        """
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
        through_election(self._label, self.site.report.note)
        node = next(n for n in self.site.snapshot().nodes if n.hostname == self.target and n.ready)
        return {"node": node.id}

    def make(self, repository: str, facts: Facts) -> None:
        """A repository's directory, and an empty repository in it."""
        del facts
        directory(self.fleet.server(self.target), self.fleet.backup.repository(repository).path)
        with self._ground() as ground:
            self.restorer.make(ground, self.site.fleet.backup.repository(repository))

    def restore(self, source: str, facts: Facts) -> Facts:
        """One copy goes to where it lived; the job compares it with its manifest."""
        del facts
        one = self.lost[source]
        with self._ground() as ground:
            began = clock.monotonic()
            came = self.restorer.restore(ground, one, self.target)
            told: Facts = {f"restored {source}": round(clock.monotonic() - began, 1)}
        if one.log is not None:
            told[f"{WITHOUT_LOG}{source}"] = came.log is None
        return told

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
        """Whoever uses the data runs, on the replacement, but for services that rest."""
        del facts
        snapshot = self.site.snapshot()
        running = where_now(self.fleet, snapshot)
        users = {name for one in self.lost.values() for name in one.services}
        users &= {service.id for service in self.fleet.swarm_services()}
        users -= resting(self.fleet, snapshot)
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
            self.restorer.fill(ground, repository, self.target)

    def _label(self) -> None:
        label_joined(self.site.client(), self.fleet, self.target)

    def _ground(self) -> AbstractContextManager[Ground]:
        self.site.guard()
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


def _copies(site: Site) -> Known:
    """The copies that the repositories which answer tell of; a fleet without any has none."""
    if not site.fleet.backup.repositories:
        return Known()
    opened = workflows.Opened(fleet=site.fleet, lab=site.lab)
    with backing.ground_of(opened, Telling(site.report)) as ground:
        return backing.read(ground)


def _logs(site: Site, seen: Sight) -> tuple[dict[str, Log], tuple[str, ...]]:
    """The write-ahead logs that other servers have of what is lost; those that are of no use."""
    mine = {one.source.id for one in lived_there(seen)}
    wanted = [
        one
        for one in receivers(site.fleet, seen.homes)
        if one.source in mine and one.server not in (None, seen.name)
    ]
    if not wanted:
        return {}, ()
    stored = enumerating.stored(site.connections).results
    found = {one.source: one for one in asking.logs(site.connections, wanted, stored, clock.now())}
    usable: dict[str, Log] = {}
    warnings = []
    for one in wanted:
        heard = found.get(one.source)
        if heard is not None and heard.restorable_until is not None:
            usable[one.source] = Log(
                server=str(one.server), path=one.path, until=heard.restorable_until
            )
            continue
        why = (heard.why or "it has no base backup") if heard else f"{one.server} does not answer"
        warnings.append(f"the write-ahead log of {one.source} cannot be used: {why}")
    return usable, tuple(warnings)


def _walls(site: Site) -> tuple[str, ...]:
    """Servers with a firewall; one that does not tell stops no recovery, joining says the rest."""
    try:
        return look.firewalled(site.connections)
    except QuorateError as error:
        site.report.note(f"no firewall is opened, as not all servers tell of theirs: {error.what}")
        return ()


def _has(site: Site, name: str) -> bool:
    return any(server.name == name for server in site.fleet.servers)
